// Keys, the palette, the menu on small screens, the theme, and relative times. Pages work without any of it.
"use strict";
(() => {
  const base = document.body.dataset.base;
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

  // Theme
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-switch]")) return;
    const dark = document.documentElement.classList.toggle("dark");
    try { localStorage.setItem("tieline-theme", dark ? "dark" : "light"); } catch (error) { /* not kept, then */ }
  });

  // Menu on small screens
  const menu = document.getElementById("menu");
  const opener = document.querySelector("[data-menu]");
  const showMenu = (open) => { menu.toggleAttribute("data-open", open); opener.setAttribute("aria-expanded", String(open)); };
  opener?.addEventListener("click", () => showMenu(!menu.hasAttribute("data-open")));
  document.addEventListener("click", (event) => {
    if (menu?.hasAttribute("data-open") && !menu.contains(event.target) && !opener.contains(event.target)) showMenu(false);
  });

  // Rows: j, k, Enter, x; a click anywhere on a row opens it
  const rows = () => [...document.querySelectorAll("table.list tbody tr, [data-rows] > [data-href]")];
  const here = () => rows().findIndex((row) => row.hasAttribute("data-here"));
  const move = (step) => {
    const all = rows();
    if (!all.length) return;
    const from = here();
    const to = Math.max(0, Math.min(all.length - 1, from < 0 ? (step > 0 ? 0 : all.length - 1) : from + step));
    all.forEach((row) => row.removeAttribute("data-here"));
    all[to].setAttribute("data-here", "");
    all[to].scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-href], [data-rows] > [data-href]");
    if (row && !event.target.closest("a, button, input, label, select")) location.href = row.dataset.href;
  });

  // The palette: pages at once, contacts as they are found
  const palette = document.getElementById("palette");
  const list = document.getElementById("palette-list");
  const input = palette?.querySelector("input");
  const pages = list ? [...list.children] : [];
  let asked = 0;
  const options = () => [...list.children].filter((item) => !item.hidden);
  const choose = (index) => {
    const all = options();
    [...list.children].forEach((item) => item.setAttribute("aria-selected", "false"));
    const item = all[Math.max(0, Math.min(all.length - 1, index))];
    if (!item) { input.removeAttribute("aria-activedescendant"); return; }
    item.setAttribute("aria-selected", "true");
    input.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  };
  const chosen = () => options().findIndex((item) => item.getAttribute("aria-selected") === "true");
  const search = async () => {
    const words = input.value.trim().toLowerCase();
    pages.forEach((item) => { item.hidden = !item.textContent.toLowerCase().includes(words); });
    [...list.children].filter((item) => !pages.includes(item)).forEach((item) => item.remove());
    choose(0);
    const mine = ++asked;
    if (words.length < 2) return;
    const answer = await fetch(`${base}/palette?q=${encodeURIComponent(words)}`, { headers: { "HX-Request": "true" } });
    if (mine !== asked || !answer.ok) return;
    for (const found of await answer.json()) {
      const item = document.createElement("li");
      item.id = `palette-found-${list.children.length}`;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", "false");
      item.dataset.href = found.href;
      item.textContent = found.title;
      const note = document.createElement("small");
      note.textContent = found.note;
      item.append(note);
      list.append(item);
    }
    if (chosen() < 0) choose(0);
  };
  const open = () => { if (!palette || palette.open) return; palette.showModal(); input.value = ""; search(); input.focus(); };
  document.addEventListener("click", (event) => { if (event.target.closest("[data-palette]")) open(); });
  input?.addEventListener("input", search);
  input?.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); choose(chosen() + (event.key === "ArrowDown" ? 1 : -1)); }
    if (event.key === "Enter") { event.preventDefault(); const item = options()[chosen()]; if (item) location.href = item.dataset.href; }
  });
  list?.addEventListener("click", (event) => { const item = event.target.closest("[data-href]"); if (item) location.href = item.dataset.href; });

  document.addEventListener("keydown", (event) => {
    if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") { event.preventDefault(); open(); return; }
    if (event.key === "Escape" && menu?.hasAttribute("data-open")) { showMenu(false); opener.focus(); return; }
    if (event.metaKey || event.ctrlKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
    const all = rows();
    const row = all[here()];
    if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "Enter" && row?.dataset.href && !event.target.closest("a, button, summary, [role=button]")) location.href = row.dataset.href;
    else if (event.key === "x" && row) row.querySelector("input[type=checkbox]")?.click();
    else if (event.key === "/") { event.preventDefault(); open(); }
    else if (event.key === "?") document.getElementById("keys")?.showModal();
  });

  // Everything that must be confirmed says what it will do
  document.addEventListener("submit", (event) => {
    const words = event.target.dataset.confirm;
    if (words && !window.confirm(words)) event.preventDefault();
  });

  // All of a table at once
  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-select-all]")) return;
    event.target.closest("table").querySelectorAll("tbody input[type=checkbox]").forEach((box) => { box.checked = event.target.checked; });
  });

  // Relative times go on ageing
  const words = (seconds) => {
    const sizes = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]];
    for (const [unit, size] of sizes) {
      const count = Math.floor(Math.abs(seconds) / size);
      if (count) { const said = `${count} ${unit}${count === 1 ? "" : "s"}`; return seconds > 0 ? `${said} ago` : `in ${said}`; }
    }
    return "just now";
  };
  setInterval(() => document.querySelectorAll("time[datetime]").forEach((element) => {
    element.textContent = words((Date.now() - new Date(element.dateTime)) / 1000);
  }), 20000);

  // Live parts: an element with data-live=URL is replaced by what the server sends for it
  document.querySelectorAll("[data-live]").forEach((element) => {
    const source = new EventSource(element.dataset.live);
    source.onmessage = (event) => { if (event.data) element.innerHTML = event.data; };
    source.addEventListener("end", () => source.close());
    addEventListener("pagehide", () => source.close());
  });
})();
