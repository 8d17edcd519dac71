const { TestEnvironment } = require('jest-environment-jsdom');

/** jsdom, with the web globals that Node has and jsdom hides, and those that it lacks. */
module.exports = class extends TestEnvironment {
  async setup() {
    await super.setup();
    const { MouseEvent } = this.global;
    const shared = { fetch, Request, Response, Headers, TextEncoder, TextDecoder };
    Object.assign(this.global, shared, { ReadableStream, structuredClone });
    this.global.DragEvent = class DragEvent extends MouseEvent {};
    const { setTimeout, clearTimeout } = this.global;
    Object.assign(this.global, {
      requestIdleCallback: tell => setTimeout(tell),
      cancelIdleCallback: asked => clearTimeout(asked)
    });
    this.global.matchMedia = media => ({
      media,
      matches: false,
      addListener() {},
      removeListener() {}
    });
  }
};
