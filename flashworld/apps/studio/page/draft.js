/** The draft on this device: kept in the browser's database, where pictures of any size fit, and back after a reload. */

const [DATABASE, SHELF, KEY] = ['flashworld-studio', 'drafts', 'current'];

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(SHELF);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function act(mode, action) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(SHELF, mode);
    const request = action(transaction.objectStore(SHELF));
    transaction.oncomplete = () => {
      database.close();
      resolve(request.result);
    };
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
}

/** The draft that was last kept, or undefined. @returns {Promise<import('./request.js').Draft | undefined>} */
export const loadDraft = () => act('readonly', (shelf) => shelf.get(KEY));

/** @param {import('./request.js').Draft} draft */
export const keepDraft = (draft) => act('readwrite', (shelf) => shelf.put(draft, KEY));
