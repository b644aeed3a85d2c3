"""All attempts, in the order in which they are made."""
import dataclasses

import rows_api
import rows_calls
import rows_files
import rows_load
from row import NATIVE, Refused

# Of a native function that has been granted a network: what could be otherwise then. It has sockets, so other families
# end it as they end the other kinds.
GRANTED = [*rows_calls.NAMESPACES, *(row for row in rows_calls.SOCKETS if row.kinds != NATIVE or "netlink" in row.name),
           *(dataclasses.replace(row, expect=Refused("EACCES", *row.expect.errors)) for row in rows_load.NETWORK)]
ROWS = rows_calls.ROWS + rows_files.ROWS + rows_load.ROWS + rows_api.ROWS
