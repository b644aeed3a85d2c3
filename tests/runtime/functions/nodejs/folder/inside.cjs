exports.handler = async (event) => ['inside', event];
