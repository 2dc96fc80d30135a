// What the scripts of all widgets share; stands before each of them.

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// JupyterLab takes letters and digits as commands unless the focused element itself says not to.
function button(text, title, onclick) {
  const node = element("button", { type: "button", title, "data-lm-suppress-shortcuts": "true" }, text);
  node.onclick = onclick;
  return node;
}

function group(name, ...children) {
  return element("div", { class: "lic-group", role: "group", "aria-label": name }, ...children);
}
