import { runInNewContext } from "node:vm";
import { setImmediate as macrotask } from "node:timers/promises";

type Attributes = readonly { readonly name: string; readonly value: string }[];
type Listener = (event: object) => void;

/** As much of an element or text node as the page's script uses. There is no parser: markup could only come from `append`ed elements. */
class PageNode {
  readonly nodeType: number;
  readonly nodeName: string;
  readonly childNodes: PageNode[] = [];
  readonly #attributes = new Map<string, string>();
  readonly listeners = new Map<string, Listener>();
  parentElement: PageNode | null = null;
  data: string;
  hidden = false;
  value = "";

  constructor(nodeName: string, data = "") {
    this.nodeName = nodeName;
    this.nodeType = nodeName === "#text" ? 3 : 1;
    this.data = data;
  }

  get attributes(): Attributes {
    return [...this.#attributes].map(([name, value]) => ({ name, value }));
  }
  get className(): string {
    return this.getAttribute("class") ?? "";
  }
  set className(text: string) {
    this.setAttribute("class", text);
  }
  get dataset(): Readonly<Record<string, string>> {
    const data = this.attributes.filter(({ name }) => name.startsWith("data-"));
    return Object.fromEntries(data.map(({ name, value }) => [name.slice("data-".length), value]));
  }
  get lastChild(): PageNode | undefined {
    return this.childNodes.at(-1);
  }
  get textContent(): string {
    return this.nodeType === 3 ? this.data : this.childNodes.map((child) => child.textContent).join("");
  }
  set textContent(text: string) {
    this.childNodes.length = 0;
    if (text !== "") this.append(new PageNode("#text", text));
  }
  getAttribute(name: string): string | null {
    return this.#attributes.get(name) ?? null;
  }
  hasAttribute(name: string): boolean {
    return this.#attributes.has(name);
  }
  setAttribute(name: string, value: string): void {
    this.#attributes.set(name, value);
  }
  removeAttribute(name: string): void {
    this.#attributes.delete(name);
  }
  append(child: PageNode): void {
    child.parentElement = this;
    this.childNodes.push(child);
  }
  remove(): void {
    const siblings = this.parentElement?.childNodes ?? [];
    siblings.splice(siblings.indexOf(this), 1);
  }
  replaceWith(other: PageNode): void {
    const siblings = this.parentElement?.childNodes ?? [];
    other.parentElement = this.parentElement;
    siblings.splice(siblings.indexOf(this), 1, other);
  }
  addEventListener(type: string, listener: Listener): void {
    this.listeners.set(type, listener);
  }
  focus(): void {}
  getBoundingClientRect(): object {
    return { left: 0, right: 0, top: 0, bottom: 0 };
  }
  /** Selectors: `.class`, `[attribute]` and `tag[attribute]`. */
  #matches(selector: string): boolean {
    const [, tag = "", className, attribute = ""] = /^([a-z]*)(?:\.([a-z-]+)|\[([a-z-]+)\])$/.exec(selector) ?? [];
    if (tag !== "" && tag !== this.nodeName) return false;
    return className === undefined ? this.hasAttribute(attribute) : this.className.split(" ").includes(className);
  }
  closest(selector: string): PageNode | null {
    return this.#matches(selector) ? this : (this.parentElement?.closest(selector) ?? null);
  }
  querySelectorAll(selector: string): readonly PageNode[] {
    return this.childNodes.flatMap((child) => [
      ...(child.#matches(selector) ? [child] : []),
      ...child.querySelectorAll(selector),
    ]);
  }
  querySelector(selector: string): PageNode | null {
    return this.querySelectorAll(selector)[0] ?? null;
  }
}

/** A browser's window, as far as the page's script looks, run against a REST API. Timers ring by hand. */
export class BrowserPage {
  readonly #byId = new Map<string, PageNode>();
  readonly #document = new PageNode("#document");
  readonly #listeners = new Map<string, Listener>();
  readonly #timers = new Map<number, () => void>();
  readonly #storage = new Map<string, string>();
  /** `METHOD path` of every request so far. */
  readonly requests: string[] = [];
  readonly #location = { hash: "", port: "8787", origin: "http://localhost:8787" };
  readonly #visibility = { hidden: false };
  #pending = 0;

  constructor(html: string, api: (request: Request) => Promise<Response>, hidden = false) {
    this.#visibility.hidden = hidden;
    for (const [markup, tag = "", id = ""] of html.matchAll(/<([a-z]+)[^>]* id="([^"]+)"[^>]*>/g)) {
      const element = new PageNode(tag);
      element.hidden = markup.endsWith(" hidden>");
      this.#byId.set(id, element);
    }
    const script = /<script>([^]*)<\/script>/.exec(html)?.[1] ?? "";
    runInNewContext(script, {
      document: Object.assign(this.#visibility, {
        createElement: (tag: string) => new PageNode(tag),
        createElementNS: (_namespace: string, tag: string) => new PageNode(tag),
        createTextNode: (text: string) => new PageNode("#text", text),
        getElementById: (id: string) => this.#byId.get(id) ?? null,
        querySelectorAll: () => [],
        addEventListener: (type: string, listener: Listener) => void this.#document.addEventListener(type, listener),
      }),
      addEventListener: (type: string, listener: Listener) => void this.#listeners.set(type, listener),
      location: this.#location,
      sessionStorage: {
        getItem: (key: string) => this.#storage.get(key) ?? null,
        setItem: (key: string, value: string) => void this.#storage.set(key, value),
        removeItem: (key: string) => void this.#storage.delete(key),
      },
      setTimeout: (callback: () => void) => {
        this.#timers.set(this.#timers.size + 1, callback);
        return this.#timers.size;
      },
      clearTimeout: (id: number) => void this.#timers.set(id, () => undefined),
      fetch: async (path: string, init: RequestInit) => {
        const request = new Request(new URL(path, "http://localhost:8787/"), init);
        const { pathname, search } = new URL(request.url);
        this.requests.push(`${request.method} ${pathname}${search}`);
        this.#pending += 1;
        try {
          return await api(request);
        } finally {
          this.#pending -= 1;
        }
      },
      Node: { TEXT_NODE: 3 },
      AbortController,
      TextDecoderStream,
    });
  }

  element(id: string): PageNode {
    const element = this.#byId.get(id);
    if (element === undefined) throw new Error(`no #${id} on the page`);
    return element;
  }

  text(id: string): string {
    return this.element(id).textContent;
  }

  /** Until every request is answered and what it says is drawn, where the API is in this process. */
  async settled(): Promise<void> {
    for (let quiet = 0; quiet < 10; quiet++) {
      await macrotask();
      if (this.#pending > 0) quiet = 0;
    }
  }

  /** All timers set so far ring. */
  async ring(): Promise<void> {
    const due = [...this.#timers.values()];
    for (const id of this.#timers.keys()) this.#timers.set(id, () => undefined);
    for (const callback of due) callback();
    await this.settled();
  }

  async show(visible: boolean): Promise<void> {
    this.#visibility.hidden = !visible;
    this.#document.listeners.get("visibilitychange")?.({});
    await this.settled();
  }

  async choose(jobId: string): Promise<void> {
    this.#location.hash = `#${jobId}`;
    this.#listeners.get("hashchange")?.({});
    await this.settled();
  }

  async click(target: PageNode | null): Promise<void> {
    if (target === null) throw new Error("nothing to click on");
    this.#document.listeners.get("click")?.({ target });
    await this.settled();
  }

  async submitToken(token: string): Promise<void> {
    this.element("token-field").value = token;
    this.element("token").listeners.get("submit")?.({ preventDefault: () => undefined });
    await this.settled();
  }
}
