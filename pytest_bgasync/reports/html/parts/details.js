// All that is known of a bar, beside the page; one at a time.
let opener = null;

function showDetails(bar, element) {
  hideDetails(false);
  opener = element;
  element.setAttribute("aria-current", "true");
  byId("details-kind").replaceChildren(KINDS[bar.kind], badge(bar.status));
  byId("details-title").textContent = bar.title;
  byId("facts").replaceChildren(...bar.facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  byId("texts").replaceChildren(...(bar.texts || []).flatMap(([name, text]) => [make("h3", {}, name), output(text)]));
  byId("details").hidden = false;
  byId("details").scrollTop = 0;
  document.body.classList.add("detailed");
  byId("details").focus();
}

function hideDetails(back = true) {
  if (!opener) return;
  byId("details").hidden = true;
  document.body.classList.remove("detailed");
  opener.removeAttribute("aria-current");
  if (back) opener.focus();
  opener = null;
}

byId("close").addEventListener("click", () => hideDetails());
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hideDetails();
});
