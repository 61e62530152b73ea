// Draws the API page from the document that the page names. A file of its own: the page allows no script within it.
const root = document.getElementById("swagger-ui");
SwaggerUIBundle({
  domNode: root,
  url: root.dataset.document,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  operationsSorter: "alpha",
  // Nothing is asked of anybody else.
  validatorUrl: null,
});
