/** Values kept of each name, and entries of a list that are looked at. */
const KEPT = 8
const ENTRIES_MAX = 3

const MARK = /<<(\w+) (\d+)>>/g

/**
 * What a server has given out, by the name under which it did: keys and ids that only it can make,
 * and that other routes want. A request is made before it is known what there is, so it holds a
 * mark, which becomes a value when it is sent.
 */
export class Learnt {
  readonly #values = new Map<string, string[]>()

  static mark(name: string, which: number): string {
    return `<<${name} ${which}>>`
  }

  /** Of JSON that was answered. */
  hear(json: unknown, name = '') {
    if (typeof json === 'string') this.#keep(name, json)
    if (Array.isArray(json)) {
      for (const entry of json.slice(0, ENTRIES_MAX)) this.hear(entry, singular(name))
    } else if (typeof json === 'object' && json !== null) {
      for (const [key, member] of Object.entries(json)) this.hear(member, key)
    }
  }

  /** The text with values in place of its marks, each written as it must be there. */
  fill(text: string, write: (value: string) => string): string {
    return text.replace(MARK, (_, name: string, which: string) => {
      const values = this.#values.get(name) ?? ['nothing-learnt']
      return write(values[Number(which) % values.length]!)
    })
  }

  #keep(name: string, value: string) {
    const others = (this.#values.get(name) ?? []).filter((other) => other !== value)
    this.#values.set(name, [value, ...others].slice(0, KEPT))
  }
}

/** `keys` is a list of what elsewhere is called `key`. */
export const singular = (name: string): string => name.replace(/s$/, '')
