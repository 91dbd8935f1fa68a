// The boxes and the styles of a page's parts: of each kind, the first few. A box is [left, top, width, height] in CSS
// pixels of the page. Hidden parts have none.
(() => {
  const KINDS = [
    "header", "nav", "main", "footer", "aside", "section", "article", "h1", "h2", "h3", "form", "fieldset", "table",
    "dl", ".awning", ".bar", ".brand", ".nav-link", ".badge", ".hero", ".storefront", ".chips a", ".sorting a",
    ".products", ".product", ".product-name", ".picture", ".price", ".tag", ".card", ".notice", ".steps li", ".line",
    ".line-total", ".thumbnail", ".sum", ".bought li", ".button", "input", "label", ".choices label", ".facts div",
    ".promises li", ".breadcrumb", ".muted", ".avatar", ".id-line", ".icon", "main a", ".footer-links a", "td", "th",
  ];
  const FIRST = 3;
  const PROPERTIES = [
    "color", "background-color", "background-image", "border-top-color", "border-top-width", "border-radius",
    "box-shadow", "font-size", "font-weight", "line-height", "letter-spacing", "opacity", "text-decoration-line",
    "stroke", "fill",
  ];
  const PLAIN = new Set(["none", "normal", "0px", "1", "400", "rgba(0, 0, 0, 0)", "auto"]);
  const measured = {};
  for (const kind of KINDS) {
    const shown = [...document.querySelectorAll(kind)].filter((it) => it.checkVisibility());
    shown.slice(0, FIRST).forEach((element, index) => {
      const box = element.getBoundingClientRect();
      const style = getComputedStyle(element);
      const drawn = element instanceof SVGElement;
      const framed = style.borderTopWidth !== "0px";
      const told = (name) => (drawn || !["stroke", "fill"].includes(name)) && (framed || name !== "border-top-color");
      const words = PROPERTIES.filter((name) => told(name) && !PLAIN.has(style.getPropertyValue(name)))
        .map((name) => `${name}: ${style.getPropertyValue(name).replace(/url\(.*?\)/g, "url()")}`);
      measured[`${kind} ${index + 1}`] = {
        box: [box.left + scrollX, box.top + scrollY, box.width, box.height].map(Math.round),
        style: words.join("; "),
      };
    });
  }
  return measured;
})();
