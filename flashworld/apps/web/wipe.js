// A photo over the view with a divider to drag: how the world compares with the picture that it was made from.

/** Lays a photo over a `WorldView`, seen through the photo's own camera. Moving the camera or another lens puts it away. */
export class Wipe {
  /** Called when the photo has come or gone. */
  onChange = () => {};

  #view;
  #words;
  #box = null;
  #ends = [];

  /**
   * @param {import('./view.js').WorldView} view
   * @param {{photo: string, divider: string}} words alternative text of the photo, name of the divider
   */
  constructor(view, words) {
    this.#view = view;
    this.#words = words;
  }

  get isOpen() {
    return this.#box !== null;
  }

  /**
   * Goes to the photo's camera and shows the photo left of the divider.
   * @param {string} photo address of the picture; cut to the camera's aspect around its centre, as for the model
   * @param {import('./cameras.js').Camera} camera
   * @param {number} width of the camera's picture in pixels
   * @param {number} height
   */
  open(photo, camera, width, height) {
    this.close();
    this.#view.lookThrough(camera, width, height);
    this.#build(photo);
    this.#arrange();
    const sizes = new ResizeObserver(() => this.#arrange());
    sizes.observe(this.#view.container);
    const amounts = ({ position, quaternion, fovY }) => [...position, ...quaternion, fovY];
    const stay = amounts(this.#view.pose());
    const leave = this.#view.onMove((pose) => {
      const moved = amounts(pose).some((value, i) => Math.abs(value - stay[i]) > 1e-6);
      // Without the photo's camera for a lens, even of the same angle, the view has no place for the photo.
      if (moved || !this.#view.frameRect()) this.close();
    });
    this.#ends = [leave, () => sizes.disconnect()];
    this.onChange();
  }

  /** Puts the photo away; the view stays where it is. */
  close() {
    for (const end of this.#ends) end();
    this.#ends = [];
    const box = this.#box;
    this.#box = null;
    if (!box) return;
    box.inert = true;
    box.classList.add('world-wipe-leaving');
    setTimeout(() => box.remove(), 300);
    this.onChange();
  }

  #build(photo) {
    const box = Object.assign(document.createElement('div'), { className: 'world-wipe' });
    const image = Object.assign(document.createElement('img'), { src: photo, alt: this.#words.photo, draggable: false });
    const divider = Object.assign(document.createElement('div'), { className: 'world-wipe-divider', tabIndex: 0 });
    const facts = { role: 'slider', 'aria-label': this.#words.divider, 'aria-valuemin': 0, 'aria-valuemax': 100 };
    for (const [name, value] of Object.entries(facts)) divider.setAttribute(name, value);
    divider.addEventListener('pointerdown', (event) => divider.setPointerCapture(event.pointerId));
    divider.addEventListener('pointermove', (event) => {
      if (divider.hasPointerCapture(event.pointerId)) this.#divide(this.#shareAt(event.clientX));
    });
    divider.addEventListener('keydown', (event) => this.#key(event));
    box.append(image, divider);
    this.#box = box;
    this.#view.canvas.after(box);
    this.#divide(0.5);
    divider.focus({ preventScroll: true });
  }

  #shareAt(clientX) {
    const { left, width } = this.#box.getBoundingClientRect();
    return (clientX - left) / width;
  }

  #divide(share) {
    const percent = Math.round(1000 * Math.min(Math.max(share, 0), 1)) / 10;
    this.#box.style.setProperty('--share', `${percent}%`);
    this.#box.lastChild.setAttribute('aria-valuenow', Math.round(percent));
  }

  #key(event) {
    const now = Number(this.#box.lastChild.getAttribute('aria-valuenow')) / 100;
    const next = { ArrowLeft: now - 0.05, ArrowRight: now + 0.05, Home: 0, End: 1 }[event.key];
    if (event.key === 'Escape') {
      this.close();
      this.#view.canvas.focus();
    } else if (next === undefined) return;
    else this.#divide(next);
    event.preventDefault();
  }

  /** The box lies exactly where the camera's picture lies in the view. */
  #arrange() {
    const { left, top, width, height } = this.#view.frameRect();
    Object.assign(this.#box.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
  }
}
