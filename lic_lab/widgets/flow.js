// A drawing whose parts can be clicked, or stepped through with the arrow keys once it has the focus.

function render({ model, el }) {
  const stage = element("div", { class: "lic-flow", tabindex: "0", role: "group", "data-lm-suppress-shortcuts": "true" });
  const show = () => {
    stage.innerHTML = model.get("svg");
    stage.setAttribute("aria-label", model.get("hint"));
  };
  const status = element("div", { class: "lic-unseen", role: "status", "aria-live": "polite" });
  const say = (part) => {
    const box = [...stage.querySelectorAll("[data-part]")].find((node) => node.dataset.part === part);
    const place = `${model.get("parts").indexOf(part) + 1} of ${model.get("parts").length}`;
    status.textContent = `Box ${place}: ${box?.querySelector("title")?.textContent ?? part}`;
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
    say(model.get("value"));
  };
  stage.addEventListener("click", onclick);
  stage.addEventListener("keydown", onkeydown);
  model.on("change:svg", show);
  show();
  el.append(stage, status);
  return () => {
    model.off("change:svg", show);
    stage.remove();
    status.remove();
  };
}

export default { render };
