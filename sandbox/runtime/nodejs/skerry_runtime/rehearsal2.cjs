// As rehearsal.mjs, of the other kind of modules and with a callback.
exports.handle = (event, context, callback) => callback(null, event);
