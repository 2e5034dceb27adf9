import { useLocation } from 'preact-iso'
import { address, type Query } from './api.ts'

/** What the address says besides its path, and the way to change it: filters that a link keeps. */
export function useAddress() {
  const { path, query, route } = useLocation()
  const set = (change: Query) => {
    const given = Object.entries({ ...query, ...change }).filter(([, value]) => value !== '')
    route(address(path, Object.fromEntries(given)), true)
  }
  return { query, set }
}
