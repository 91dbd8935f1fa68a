// A browser may bring back a page from its memory as it was: a stranger's "Log in" after a login, or a shopper's data
// after a logout (WebKit over http, even if the page must not be stored).
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
