import { parentPort, workerData } from 'node:worker_threads';
import { Engine } from 'mrml';

/** One document, one thread: what overflows or never ends takes nothing with it. */
const engine = new Engine();
// Without fonts of its own: MJML would fetch Google's for every reader. Authors name the fonts they want with mj-font.
engine.setRenderOptions({ disableComments: false, fonts: {}, socialIconOrigin: null });
parentPort?.postMessage(engine.toHtml(workerData as string));
