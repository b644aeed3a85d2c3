'use strict';
// Errors in the shape that Lambda's callers know: errorType, errorMessage, trace.

// An error of the runtime's own, of the Runtime.* family.
class Fault extends Error {
  constructor(type, message, stack) {
    super(message);
    this.name = type;
    if (stack) this.stack = stack;
  }
}

// Anything can be thrown. `type` in place of the thrown thing's own.
function shape(thrown, type) {
  try {
    if (thrown !== null && typeof thrown === 'object' && 'message' in thrown && 'name' in thrown) {
      return { errorType: String(type ?? thrown.name), errorMessage: String(thrown.message),
               trace: String(thrown.stack ?? '').split('\n') };
    }
    const text = typeof thrown === 'object' && thrown !== null ? JSON.stringify(thrown) : String(thrown);
    return { errorType: type ?? typeof thrown, errorMessage: text, trace: [] };
  } catch {
    return { errorType: type ?? 'Error', errorMessage: 'what was thrown has no text', trace: [] };
  }
}

module.exports = { Fault, shape };
