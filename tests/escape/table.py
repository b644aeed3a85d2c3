"""All attempts, in the order in which they are made."""
import rows_api
import rows_calls
import rows_files
import rows_load

ROWS = rows_calls.ROWS + rows_files.ROWS + rows_load.ROWS + rows_api.ROWS
