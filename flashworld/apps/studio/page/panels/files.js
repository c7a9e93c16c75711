/** Requests and paths as files: ours, those published with the method, nerfstudio's and COLMAP's. */

import { ApiError } from '../api.js';
import { byId, make, saveAs } from '../elements.js';
import { camerasForRequest, posesFromRequest } from '../fitting.js';
import { t } from '../i18n.js';
import { pictureForRequest, pictureFromPrompt } from '../picture.js';
import { draftOf, emptyDraft, pathOf, requestOf } from '../request.js';
import { MAX_FRAMES } from '../path/edit.js';

const FORMATS = ['request', 'flashworld', 'nerfstudio', 'colmap'];
const NAMES = { request: 'request.json', flashworld: 'path.json', nerfstudio: 'transforms.json', colmap: 'colmap.zip' };

/**
 * @param {import('../state.js').Studio} studio @param {typeof import('../api.js').api} api
 * @param {{opened: () => void, say: (text: string) => void}} actions
 */
export function mountFiles(studio, api, { opened, say }) {
  const fault = byId('import-fault');

  byId('import').addEventListener('click', () => byId('import-file').click());
  byId('import-file').addEventListener('change', ({ target }) => {
    if (target.files.length > 0) open([...target.files]);
    target.value = '';
  });
  addEventListener('studio-import', ({ detail }) => open(detail));
  byId('export').addEventListener('change', ({ target }) => {
    const format = target.value;
    target.value = '';
    tell(() => save(format));
  });
  byId('new-draft').addEventListener('click', () => {
    studio.openDraft({ ...emptyDraft(), size: studio.draft.get().size });
    opened();
  });

  /** Does it, and tells in words if it cannot be done. */
  async function tell(action) {
    fault.textContent = '';
    try {
      await action();
    } catch (error) {
      if (error instanceof ApiError) fault.textContent = error.status ? error.message : t('error.unreachable');
      else if (error instanceof RangeError) fault.textContent = t(error.message);
      else throw error;
      fault.scrollIntoView({ block: 'nearest' });
    }
  }

  const open = (files) => tell(async () => {
    const request = files.length === 1 ? await requestIn(files[0]) : null;
    if (request) await openRequest(request);
    else await openPath(files);
    opened();
  });

  /** A request, or the request within a record of a finished scene; null if the file holds something else. */
  async function requestIn(file) {
    let content;
    try {
      content = JSON.parse(await file.text());
    } catch {
      return null;
    }
    const request = content?.request ?? content;
    return Array.isArray(request?.resolution) && Array.isArray(request?.cameras) ? request : null;
  }

  async function openRequest(request) {
    studio.openDraft(draftOf(request, await pictureFromPrompt(request.image_prompt)));
    say(t('import.done'));
  }

  /** A path alone replaces the keys; picture and words stay, and so does the picture's frame unless the file names one. */
  async function openPath(files) {
    const { size, name, ...draft } = studio.draft.get();
    const answer = await api.importPath(files, size);
    const poses = posesFromRequest(answer.cameras, null, size);
    const frames = Math.min(Math.max(poses.length, 1), MAX_FRAMES);
    const count = poses.length > 2 ? frames : draft.path.frames;
    const imageIndex = Math.min(answer.image_index ?? draft.path.imageIndex, count - 1);
    studio.changePath(pathOf(poses, count, imageIndex));
    if (answer.name && !name) studio.draft.update({ name: answer.name });
    say(t('import.pathDone', { number: poses.length }));
  }

  async function save(format) {
    const draft = studio.draft.get();
    if (draft.path.keys.length === 0) throw new RangeError('export.noPath');
    if (format === 'request') {
      const request = requestOf(draft, await pictureForRequest(draft.picture, draft.size));
      return saveAs(new Blob([JSON.stringify(request, null, 1)], { type: 'application/json' }), NAMES.request);
    }
    const { size, path } = draft;
    const cameras = camerasForRequest(studio.poses(), size);
    return saveAs(await api.exportPath({ cameras, resolution: [path.frames, size.height, size.width] }, format), NAMES[format]);
  }

  return {
    openRequest,
    render() {
      const options = FORMATS.map((name) => make('option', { value: name }, t(`export.${name}`)));
      byId('export').replaceChildren(make('option', { value: '' }, t('files.export')), ...options);
    },
  };
}
