const started = await Promise.resolve('awaited');
export const handler = async (event) => [started, event];
export default { byDefault: async (event) => ['default', event] };
