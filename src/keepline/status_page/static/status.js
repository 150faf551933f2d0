"use strict";
// Says how old the page is, and fetches it anew once a minute; what does not come is said, and what is here stays.
(() => {
  const age = document.getElementById("age");
  const words = (s) => s < 90 ? `${Math.round(s)} seconds` : s < 5400 ? `${Math.round(s / 60)} minutes` : `${Math.round(s / 3600)} hours`;
  const written = Number(age.dataset.written);
  const shown = age.innerHTML.split("<!--", 1)[0];
  let checked = 0;
  let silent = "";
  const say = () => {
    const now = Date.now() / 1000;
    const parts = [`${words(Math.max(0, now - written))} ago.`];
    if (checked) parts.push(`Checked ${words(Math.max(0, now - checked))} ago.`);
    age.textContent = "";
    age.insertAdjacentHTML("beforeend", shown);
    age.append(` ${parts.join(" ")} `);
    const late = silent || (checked && now - checked > 180 ? "Nothing new has been heard since." : "");
    if (late) { const said = document.createElement("span"); said.className = "stale"; said.textContent = late; age.append(said); }
  };
  const look = async () => {
    try {
      const answer = await fetch("/checked.json", {cache: "no-store"});
      const told = await answer.json();
      silent = "";
      checked = told.checked_at || 0;
      if ((told.written_at || 0) > written + 1) location.reload();
    } catch { silent = "This page cannot be fetched anew now."; }
    say();
  };
  say();
  look();
  setInterval(say, 5000);
  setInterval(look, 30000);
})();
