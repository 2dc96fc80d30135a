// What all explorers share in the browser.
//
// Keys pressed inside an explorer belong to its handles. JupyterLab takes arrows and letters as commands (b adds a cell)
// unless the focused element itself says not to; a word on the panel around it does not help, and the handles of
// ipywidgets say nothing. So each is told when it is reached.
//
// A plotly figure is drawn before it is on the page, for a width it guesses, and measures again only when told that the
// window has changed.

function keep({ target }) {
  if (target.closest?.(".lic-explorer")) target.setAttribute("data-lm-suppress-shortcuts", "true");
}

function render({ el }) {
  const again = () => requestAnimationFrame(() => window.dispatchEvent(new Event("resize")));
  const observer = new ResizeObserver(again);
  let gone = false;
  const follow = () => {
    const panel = el.closest(".lic-explorer");
    if (panel) observer.observe(panel);
    else if (!gone) requestAnimationFrame(follow);
  };
  follow();
  document.addEventListener("focusin", keep);
  return () => {
    gone = true;
    observer.disconnect();
    document.removeEventListener("focusin", keep);
  };
}

export default { render };
