// A drawing whose parts can be clicked, or stepped through with the arrow keys once it has the focus.

function render({ model, el }) {
  const stage = element("div", { class: "lic-flow", tabindex: "0", role: "group", "data-lm-suppress-shortcuts": "true" });
  const show = () => {
    stage.innerHTML = model.get("svg");
    stage.setAttribute("aria-label", model.get("hint"));
  };
  const choose = (part) => {
    if (!part || part === model.get("value")) return;
    model.set("value", part);
    model.save_changes();
  };
  const onclick = ({ target }) => choose(target.dataset?.part);
  const onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const parts = model.get("parts");
    choose(parts[clamp(parts.indexOf(model.get("value")) + step, 0, parts.length - 1)]);
  };
  stage.addEventListener("click", onclick);
  stage.addEventListener("keydown", onkeydown);
  model.on("change:svg", show);
  show();
  el.append(stage);
  return () => {
    model.off("change:svg", show);
    stage.remove();
  };
}

export default { render };
