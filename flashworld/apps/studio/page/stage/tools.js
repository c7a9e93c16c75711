/** The toolbar over the view: how to move, how fast, through which lens; back to the picture, full screen, screenshot. */

import { byId, iconButton, make, saveAs } from '../elements.js';
import { t } from '../i18n.js';
import { fovOf, withFov } from '../path/lens.js';

/**
 * @param {import('../state.js').Studio} studio @param {import('../../web/view.js').WorldView} view
 * @param {{goHome: () => void, overview: () => void, toggleWipe: () => void, setLens: (lens: import('../path/lens.js').Lens) => void, closeWorld: () => void}} actions
 */
export function mountTools(studio, view, { goHome, overview, toggleWipe, setLens, closeWorld }) {
  const bar = byId('view-tools');
  let parts;

  function build() {
    const orbit = iconButton('orbit', t('view.orbit'), () => mode('orbit'));
    const fly = iconButton('fly', t('view.fly'), () => mode('fly'));
    const speed = make('input', { type: 'range', min: -2, max: 2, step: 0.25, 'aria-label': t('view.speed') });
    speed.value = String(Math.log2(view.controls.speed));
    speed.addEventListener('input', () => (view.controls.speed = 2 ** Number(speed.value)));
    const lens = make('input', { type: 'range', min: 20, max: 120, step: 1, 'aria-label': t('view.lens') });
    lens.addEventListener('input', () => setLens(withFov(studio.ui.get().lens, Number(lens.value))));
    const degrees = make('output', {});
    const whole = iconButton('overview', t('view.overview'), overview, { id: 'overview' });
    const path = iconButton('path', t('view.path'), () => studio.ui.update({ pathShown: !studio.ui.get().pathShown }));
    const wipe = iconButton('wipe', t('view.wipe'), toggleWipe, { id: 'open-wipe' });
    const clear = iconButton('clear', t('view.clear'), closeWorld, { id: 'close-world' });
    bar.replaceChildren(
      orbit, fly,
      make('label', { class: 'slider', title: t('view.speed') }, t('view.speedShort'), speed),
      make('label', { class: 'slider', title: t('view.lens') }, t('view.lensShort'), lens, degrees),
      iconButton('home', t('view.home'), goHome), whole, path, wipe,
      iconButton('camera', t('view.screenshot'), async () => saveAs(await view.screenshot(), 'flashworld.png')),
      iconButton('full', t('view.full'), () => (document.fullscreenElement ? document.exitFullscreen() : byId('stage').requestFullscreen())),
      clear,
    );
    parts = { orbit, fly, lens, degrees, whole, path, wipe, clear };
    render();
  }

  function mode(name) {
    view.controls.mode = name;
    render();
  }

  function render() {
    const { lens, pathShown } = studio.ui.get();
    const { source, id, picture } = studio.shown.get();
    parts.orbit.setAttribute('aria-pressed', String(view.controls.mode === 'orbit'));
    parts.fly.setAttribute('aria-pressed', String(view.controls.mode === 'fly'));
    parts.path.setAttribute('aria-pressed', String(pathShown));
    parts.lens.value = String(Math.round(fovOf(lens)));
    parts.degrees.textContent = `${Math.round(fovOf(lens))}°`;
    parts.whole.disabled = studio.draft.get().path.keys.length === 0;
    parts.wipe.disabled = picture === null || !source?.includes(id);
    parts.clear.hidden = source === null;
  }

  setInterval(() => {
    const { splats, fps } = view.stats;
    const parts = [t('view.stats', { splats: splats.toLocaleString() }), fps >= 1 && t('view.fps', { fps: Math.round(fps) })];
    byId('stats').textContent = splats ? parts.filter(Boolean).join(' · ') : '';
  }, 500);

  return { build, render };
}

