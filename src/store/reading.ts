import { openDatabase } from '../runtime/sqlite.ts'
import { type Records, records } from './records.ts'
import { requireThisSchema } from './schema.ts'
import { unusable } from './trouble.ts'

/**
 * The rows of a file's ledger, to be read also beside a live server; changes nothing. Throws
 * `UnusableDatabase`, with what to do.
 */
export async function readRecords(
  path: string,
): Promise<{ readonly records: Records; readonly close: () => void }> {
  try {
    const database = await openDatabase(path, 'readonly')
    try {
      requireThisSchema(database, path)
      return { records: records(database, null), close: () => database.close() }
    } catch (error) {
      database.close()
      throw error
    }
  } catch (error) {
    throw unusable(error, path)
  }
}
