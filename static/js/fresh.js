// A browser may bring back a page from its memory as it was, a stranger's "Log in" after a login too.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
