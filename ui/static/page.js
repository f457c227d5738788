// What the page does by itself, without asking the server.
(() => {
  // The server draws a turn anew while it is answered: what a person has opened or closed stays so.
  const chosen = new Map();
  document.addEventListener("click", (event) => {
    const folded = event.target.closest?.("summary")?.parentElement;
    if (folded?.dataset.key) chosen.set(folded.dataset.key, !folded.open);
  }, true);
  const keep = () => {
    for (const folded of document.querySelectorAll("details[data-key]")) {
      const open = chosen.get(folded.dataset.key);
      if (open !== undefined && folded.open !== open) folded.open = open;
    }
  };
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    document.activeElement?.closest?.("mark")?.blur();
    const stop = document.getElementById("stop");
    if (stop?.checkVisibility()) stop.click();
  });
  const begin = () => {
    new MutationObserver(keep).observe(document.body, { subtree: true, childList: true, attributeFilter: ["open"] });
    const theme = localStorage.getItem("clinalign-theme");
    if (theme) document.body.classList.toggle("dark", theme === "dark");
  };
  // Gradio may put this into a page that is there already.
  if (document.body) begin(); else document.addEventListener("DOMContentLoaded", begin);
  window.clinalign = {
    theme: () => {
      const dark = document.body.classList.toggle("dark");
      localStorage.setItem("clinalign-theme", dark ? "dark" : "light");
    },
    // A file made here, of text that is here: the server writes none.
    save: (text, kind) => {
      const [type, ending] = kind === "json" ? ["application/json", "json"] : ["text/markdown", "md"];
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type }));
      link.download = `clinalign-${new Date().toISOString().slice(0, 10)}.${ending}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    },
    // Not navigator.clipboard alone: a page that is served without TLS has none.
    copy: (text) => {
      if (navigator.clipboard) return navigator.clipboard.writeText(text);
      const field = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    },
    toQuestion: () => document.querySelector("#now .turn")?.scrollIntoView({ block: "start" }),
    toInput: () => document.querySelector("#question textarea")?.focus(),
  };
})();
