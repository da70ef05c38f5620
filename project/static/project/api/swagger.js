// Starts Swagger UI on the API's description. Calls that it makes carry the CSRF token, for those signed in by session.

const docs = /** @type {HTMLElement} */ (document.getElementById("docs"));
const { SwaggerUIBundle } = /** @type {any} */ (window);

SwaggerUIBundle({
  domNode: docs,
  url: docs.dataset.openapi,
  layout: "BaseLayout",
  deepLinking: true,
  validatorUrl: null, // the badge would be asked for from outside
  requestInterceptor: (/** @type {any} */ request) => {
    request.headers["X-CSRFToken"] = docs.dataset.csrf;
    return request;
  },
});
