// Before the first paint: dark or light, as chosen here, else as the system says.
(function () {
  var chosen = null;
  try { chosen = localStorage.getItem("tieline-theme"); } catch (error) { /* storage is off: the system decides */ }
  var dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.classList.toggle("dark", dark);
})();
