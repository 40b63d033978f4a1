// What every page does beyond links and forms. All of it is an addition: pages work without.
(() => {
  "use strict";
  const find = (selector) => document.querySelector(selector);

  // Dialogs. A link that opens one leads to a page with the same form where this script is not.
  const open = (id) => {
    const dialog = document.getElementById(id);
    if (!(dialog instanceof HTMLDialogElement)) return false;
    document.querySelectorAll("details.menu[open]").forEach((menu) => menu.removeAttribute("open"));
    if (!dialog.open) dialog.showModal();
    return true;
  };
  document.addEventListener("click", (event) => {
    const at = event.target instanceof Element ? event.target : null;
    if (!at) return;
    const opener = at.closest("[data-opens]");
    if (opener && open(opener.dataset.opens)) event.preventDefault();
    const closer = at.closest("[data-closes]");
    if (closer) document.getElementById(closer.dataset.closes)?.close();
    if (at instanceof HTMLDialogElement && at.open) at.close();
    at.closest("[data-dismiss]")?.closest("[data-message]")?.remove();
    const copier = at.closest("[data-copy]");
    if (copier) copy(copier);
    document.querySelectorAll("details.menu[open]").forEach((menu) => {
      if (!menu.contains(at)) menu.removeAttribute("open");
    });
  });

  const copy = async (button) => {
    const text = find(button.dataset.copy)?.textContent ?? "";
    try {
      await navigator.clipboard.writeText(text);
      button.classList.add("copied");
      setTimeout(() => button.classList.remove("copied"), 1500);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(find(button.dataset.copy));
      getSelection().removeAllRanges();
      getSelection().addRange(range);
    }
  };

  // One letter is a command, unless somebody types.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.querySelectorAll("details.menu[open]").forEach((menu) => menu.removeAttribute("open"));
    if (event.ctrlKey || event.metaKey || event.altKey || find("dialog[open]")) return;
    const at = event.target;
    if (at instanceof HTMLElement && (at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName))) return;
    if (event.key === "/") {
      const search = find("[data-search]");
      if (search) { event.preventDefault(); search.focus(); search.select?.(); }
    } else if (event.key === "n") {
      find("[data-new]")?.click();
    } else if (event.key === "?") {
      open("help");
    }
  });

  // A form is sent once; a page that comes back from the history can send it again.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method.toLowerCase() !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    form.querySelectorAll("button:not([type=button])").forEach((button) => button.setAttribute("aria-busy", "true"));
  });
  addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
    document.querySelectorAll("form [aria-busy]").forEach((button) => button.removeAttribute("aria-busy"));
  });

  // Times in words grow older with the page. The same words as app/web/look.py.
  const ago = (moment) => {
    const seconds = (Date.now() - moment) / 1000;
    const span = Math.abs(seconds);
    if (span < 5) return "just now";
    if (span >= 30 * 86400) return null;
    const [number, unit] = span < 60 ? [span, "second"] : span < 3600 ? [span / 60, "minute"] : span < 86400 ? [span / 3600, "hour"] : [span / 86400, "day"];
    const words = `${Math.floor(number)} ${unit}${Math.floor(number) === 1 ? "" : "s"}`;
    return seconds >= 0 ? `${words} ago` : `in ${words}`;
  };
  setInterval(() => {
    if (document.hidden) return;
    document.querySelectorAll("time[data-relative]").forEach((time) => {
      const words = ago(Date.parse(time.dateTime));
      if (words && time.textContent !== words) time.textContent = words;
    });
  }, 10000);

  // Focus stays where it was, by id, when a fragment takes the place of what had it.
  let held = null;
  document.addEventListener("htmx:before:swap", () => {
    const at = document.activeElement;
    held = at && at.id ? { id: at.id, start: at.selectionStart, end: at.selectionEnd } : null;
  });
  document.addEventListener("htmx:after:swap", () => {
    document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
    const wrong = find("#main [aria-invalid=true]");
    const again = held && document.getElementById(held.id);
    if (again && document.activeElement !== again) {
      again.focus({ preventScroll: true });
      try { if (held.start !== null && held.start !== undefined) again.setSelectionRange(held.start, held.end); } catch { /* not a text field */ }
    } else if (wrong && (!document.activeElement || document.activeElement === document.body)) {
      wrong.focus();
    }
  });
  find("[aria-invalid=true]")?.focus();
})();
