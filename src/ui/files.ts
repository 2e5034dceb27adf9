import { built } from './build.ts' with { type: 'macro' }

/** The pages as browsers get them. To be imported only when one is asked for. */
export const CONSOLE = built('console')
export const PORTAL = built('portal')
