"""What a lab consists of: names, addresses, distances. No effects."""
import pathlib
import re
import zlib

# Round trip between the router and each region, in milliseconds; the fourth and later repeat the third.
DISTANCES_MS = [5.0, 20.0, 45.0]
UDP_PORT = 4600
MANAGEMENT_PORT = 4601
HTTP_PORT = 8080  # as skerryd's default


class Plan:
    """One lab, by its name. Two labs with other names share nothing."""

    def __init__(self, name, build, regions=3, distances_ms=None, family=4):
        if not re.fullmatch(r"[a-z0-9]{1,8}", name):
            raise ValueError(f"lab name {name!r}: 1 to 8 of a-z and 0-9")
        if not 1 <= regions <= 16:
            raise ValueError(f"{regions} regions: 1 to 16")
        if family not in (4, 6):
            raise ValueError(f"family {family}: 4 or 6")
        self.name = name
        self.family = family  # what clients, POP and regions speak with each other
        self.build = pathlib.Path(build).resolve()
        self.dir = pathlib.Path(f"/run/skerry-lab-{name}")
        self.regions = [f"r{i + 1}" for i in range(regions)]
        given = distances_ms or DISTANCES_MS
        self.distances_ms = [given[min(i, len(given) - 1)] for i in range(regions)]
        # Labs side by side hardly ever meet; a server whose uids are taken does not start.
        self.first_uid = 300000 + zlib.crc32(name.encode()) % 50_000 * 20_000

    @property
    def servers(self):
        return ["pop"] + self.regions

    @property
    def nodes(self):
        return ["client"] + self.servers

    def namespace(self, node):
        return f"sk-{self.name}-{node}"

    @property
    def namespaces(self):
        return [self.namespace(node) for node in self.nodes + ["router"]]

    def network(self, node):
        """Third number of the node's IPv4 network, and of its IPv6 one."""
        if node == "client":
            return 0
        return 1 if node == "pop" else 10 + self.index(node)

    def index(self, region):
        return self.regions.index(region) + 1

    def address(self, node):
        return self.address4(node) if self.family == 4 else self.address6(node)

    def gateway(self, node):
        return self.gateway4(node) if self.family == 4 else self.gateway6(node)

    @property
    def pop(self):
        """Where a client finds the POP."""
        host = self.address("pop")
        return f"[{host}]:{UDP_PORT}" if ":" in host else f"{host}:{UDP_PORT}"

    def pop_url(self, family=None):
        """Where a client finds the POP by HTTP."""
        host = f"[{self.address6('pop')}]" if (family or self.family) == 6 else self.address4("pop")
        return f"http://{host}:{HTTP_PORT}"

    def address4(self, node):
        return f"10.77.{self.network(node)}.2"

    def gateway4(self, node):
        return f"10.77.{self.network(node)}.1"

    def address6(self, node):
        return f"fd77:{self.network(node):x}::2"

    def gateway6(self, node):
        return f"fd77:{self.network(node):x}::1"

    def management(self, node):
        """In a network beside the packet path's, where servers manage and are managed."""
        last = {"pop": 1, "client": 254}.get(node) or 1 + self.index(node)
        return f"10.78.0.{last}"

    def node_dir(self, node):
        return self.dir / node

    def admin_socket(self, node):
        return self.node_dir("pop" if node in ("client", "router") else node) / "admin.sock"

    @property
    def skerryd(self):
        return self.build / "control/controller/skerryd"

    @property
    def linkem(self):
        return self.build / "tools/linkem/skerry-linkem"
