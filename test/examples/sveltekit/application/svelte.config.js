import adapter from "@sveltejs/adapter-node";

// The error page is the message alone, without the line break that formatters add to HTML.
export default { kit: { adapter: adapter(), files: { errorTemplate: "src/error.txt" } } };
