// A handler with a package of npm beside it.
const mustache = require('mustache');

exports.handler = async (event) => mustache.render('Hello, {{name}}!', event);
