// Finds modules by the addresses that the studio's server gives them: the viewer's are under web/, beside the page's.

const APPS = new URL('../../flashworld/apps/', import.meta.url).href;

export async function resolve(address, context, next) {
  if (!address.startsWith('.')) return next(address, context);
  const url = new URL(address, context.parentURL).href.replace(`${APPS}studio/web/`, `${APPS}web/`);
  return url.startsWith(`${APPS}web/`) ? { url, format: 'module', shortCircuit: true } : next(address, context);
}
