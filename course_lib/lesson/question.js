// A question in the browser. It knows the choices; the kernel, when asked, says what is right.

function render({ model, el }) {
  const several = model.get("several");
  const note = several ? " (Choose all that fit.)" : "";
  const { form, fieldset, status, name } = panel(el, model.get("question") + note);
  form.classList.add("course-question");
  const type = several ? "checkbox" : "radio";
  const inputs = model.get("choices").map((value) => labeled(fieldset, value, { type, name, value }));
  button(fieldset, "Check");
  const hint = button(fieldset, "Hint");
  hint.type = "button";
  const hints = document.createElement("div");
  hints.setAttribute("aria-live", "polite");
  status.before(hints);

  const marked = () => inputs.filter((input) => input.checked).map((input) => input.value);

  let sent = ""; // what was marked when the kernel was asked

  // A restarted kernel doesn't know of this question any more.
  function ask(content) {
    try {
      model.send(content);
      return true;
    } catch {
      return false;
    }
  }

  function put(tag, parts) {
    const element = document.createElement(tag);
    element.append(...parts);
    return element;
  }

  function show() {
    const { chosen, right, head, said } = model.get("verdict");
    if (!chosen) {
      status.textContent = "Not answered yet. Choose, then check; or go on without.";
      return;
    }
    if (right || String(marked()) === sent) { // or else the learner has chosen anew meanwhile
      for (const input of inputs) input.checked = chosen.includes(input.value);
      sent = String(marked());
    }
    status.className = right ? "right" : "wrong";
    const lines = said.map(([title, why]) => put("span", [put("strong", [title]), `: ${why}`]));
    status.replaceChildren(put("strong", [head]), ...lines);
    if (right && fieldset.contains(document.activeElement)) status.focus();
    fieldset.disabled = right;
  }

  function showHints() {
    hints.replaceChildren(...model.get("hints").map((text) => put("p", [text])));
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const check = marked();
    status.className = "";
    if (!check.length) {
      status.textContent = "Choose first, then check.";
    } else if (String(check) === String(model.get("verdict").chosen)) {
      show(); // nothing has changed since
    } else {
      sent = String(check);
      status.textContent = ask({ check })
        ? "Checking… (If nothing comes, run this cell again, then check.)"
        : "Not checked: run this cell again, then check.";
    }
    status.focus();
  });
  hint.addEventListener("click", () => {
    if (ask({ hint: true })) return;
    showHints();
    hints.append(put("p", ["No hint: run this cell again, then ask for one."]));
  });
  model.on("change:verdict", show);
  model.on("change:hints", showHints);
  show();
  showHints();
  return () => {
    model.off("change:verdict", show);
    model.off("change:hints", showHints);
  };
}

export default { render };
