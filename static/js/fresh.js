// A browser may bring back a page from its memory as it was: a stranger's "Log in" after a login, or a shopper's data
// after a logout (WebKit over http, even if the page must not be stored).
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

// The phones' search gets the keyboard when it opens.
document.getElementById("find")?.addEventListener("toggle", (event) => {
  if (event.newState === "open") document.getElementById("search").focus();
});

// The account menu closes as menus do: by Escape, and by a click anywhere else.
const menu = document.querySelector(".menu");
addEventListener("click", (event) => {
  if (menu?.open && !menu.contains(event.target)) menu.open = false;
});
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !menu?.open) return;
  menu.open = false;
  menu.firstElementChild.focus();
});
