// What all of the lesson's widgets share. It stands in front of each widget's own script.

let count = 0;

// Make a form with a title, a fieldset for the inputs, and a line that screen readers announce.
function panel(el, title) {
  const form = document.createElement("form");
  form.className = "course-widget";
  keepKeys(form);
  const fieldset = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.textContent = title;
  fieldset.append(legend);
  const status = document.createElement("p");
  status.setAttribute("role", "status");
  status.tabIndex = -1;
  form.append(fieldset, status);
  el.append(form);
  return { form, fieldset, status, name: `course-${++count}` };
}

// Add an input with its text behind it, as one label.
function labeled(fieldset, text, properties) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  Object.assign(input, properties);
  label.append(input, ` ${text}`);
  fieldset.append(label);
  return input;
}

function button(fieldset, text) {
  const element = document.createElement("button");
  element.textContent = text;
  fieldset.append(element);
  return element;
}

