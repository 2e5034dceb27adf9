import { errorMessage } from './delivered.ts'
import { usageFromImages } from './media-usage.ts'
import { numberIn } from './odd-json.ts'
import { NO_USAGE, type Usage } from './usage.ts'
import { eventText, type Json, type StreamWire, type Wire } from './wire.ts'

/** What stands for a picture in `delivered`: one that is done, or the sketch of one. */
export const PICTURE = '#'
export const SKETCH = '~'

/**
 * Pictures as they come about (https://platform.openai.com/docs/api-reference/images-streaming):
 * sketches, and for each picture an event with its usage. Several pictures are several such events,
 * whose usages add up, and only the end of the connection tells which was the last.
 */
const SEVERAL: StreamWire = {
  mayTell: ({ data }) => data.includes('.completed"') || data.includes('"error"'),
  tell(json) {
    if (json === null) return {}
    const type = json['type']
    if (DONE.has(type))
      return { usage: withPictures(usageFromImages(json['usage']), 1), adds: true }
    return { isError: type === 'error' || (type === undefined && errorMessage(json) !== null) }
  },
  textOf({ type }) {
    if (DONE.has(type)) return PICTURE
    return SKETCHES.has(type) ? SKETCH : ''
  },
  errorOf: (json) => errorMessage(json),
  frameOf: () => null,
  endAtCap: () => '',
  errorEvent: (error) => eventText('error', { type: 'error', ...error }),
}

/** Where one picture was asked for it is the end, and waits until its charge is on disk. */
const ONE: StreamWire = {
  ...SEVERAL,
  tell(json, event, known) {
    const told = SEVERAL.tell(json, event, known)
    return told.adds === true ? { ...told, ends: true } : told
  },
}

const DONE = new Set<unknown>(['image_generation.completed', 'image_edit.completed'])
const SKETCHES = new Set<unknown>(['image_generation.partial_image', 'image_edit.partial_image'])

/** `/images/generations` and `/images/edits` (https://platform.openai.com/docs/api-reference/images). */
export const IMAGES_WIRE: Wire = {
  isAnswer: ({ data }) => Array.isArray(data),
  usageOf: (answer) => withPictures(usageFromImages(answer['usage']), picturesIn(answer)),
  textOf: (answer) => PICTURE.repeat(picturesIn(answer)),
  stream: SEVERAL,
  streamFor: ({ n }) => (numberIn(n ?? 1) === 1 ? ONE : SEVERAL),
}

const picturesIn = ({ data }: Json): number => (Array.isArray(data) ? data.length : 0)

/** An answer without usage still shows how many pictures it is. */
const withPictures = (usage: Usage | null, images: number): Usage => ({
  ...(usage ?? NO_USAGE),
  images,
})
