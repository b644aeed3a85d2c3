"""Between POP and regions, over IPv6 alone: distance, silence, refusals, a router that changes."""
import sys

import rig
import tap
from rig import status
from tap import equal


def test_every_way_is_ipv6(lab):
    addresses = [each["address"] for each in lab.ctl("region", "list")["regions"]]
    assert all(":" in each for each in addresses), addresses
    for node in lab.plan.servers:
        assert lab.run("ping", "-6", "-c", "1", "-W", "2", lab.plan.address6(node)).returncode == 0, node
        # The router asks who has that address, and nobody says so.
        assert lab.run("ping", "-c", "1", "-W", "1", lab.plan.address4(node)).returncode != 0, node


def test_executed_here(lab):
    lab.deploy("here", "echo", "--warm-min", "1")
    client = lab.client()
    reply = client.invoke("here", b"hello")
    equal((status(reply), reply.payload, reply.place), ("ok", b"hello", "pop"))
    client.close()


def test_executed_by_a_region(lab):
    lab.deploy("there", "echo", "--place", "region", "--warm-min", "1")
    client = lab.client()
    for payload in (b"", b"hello", bytes(1340)):  # the last fills a packet, both ways
        reply = client.invoke("there", payload)
        equal((status(reply), reply.payload), ("ok", payload))
        assert reply.place in lab.plan.regions, reply.place
    client.close()


def test_the_command_line_too(lab):
    done = lab.run(lab.skerryctl, "invoke", "there", "--pop", lab.plan.pop, "--payload", "hello")
    equal((done.returncode, done.stdout), (0, "hello"), done.stderr)
    done = lab.run(lab.plan.build / "tools/load/skerry-load", "--pop", lab.plan.pop, "--function", "there", "--rate",
                   "100", "--duration", "1", "--quiet")
    equal(done.returncode, 0, done.stderr)


def test_what_a_region_refuses_another_executes(lab):
    """A region that drains refuses until the POP's next probe says so: another is asked."""
    lab.deploy("patient", "work", "--place", "region", "--warm-min", "1", "--retry", "unstarted")
    client = lab.client()

    def once():
        first = client.invoke("patient", b"us=1")
        equal(status(first), "ok")
        before = lab.reasons(first.place)["refused_draining"]
        lab.ctl("drain", node=first.place)
        reply = client.invoke("patient", b"us=1")
        refused = lab.reasons(first.place)["refused_draining"] - before
        lab.ctl("drain", "--undo", node=first.place)
        equal(status(reply), "ok")
        assert reply.place != first.place, reply
        tap.eventually(lambda: lab.ctl("status")["regions"]["healthy"] == 2, "both are healthy")
        return refused > 0

    # A probe may have come in between, so that the region was not asked at all.
    tap.eventually(once, "refused by one region, executed by another", 30)
    equal(max(lab.executions("patient").values()), 1)
    client.close()


def test_a_killed_region_is_followed_by_another(lab):
    client = lab.client()
    first = client.invoke("there", b"x")
    lab.lab("kill", first.place)
    # The prober knows nothing yet: this request finds it out. How long that takes depends on the round trips that
    # have been measured, which a busy machine makes long.
    reply = client.invoke("there", b"x", 15000)
    equal(status(reply), "ok")
    assert reply.place in set(lab.plan.regions) - {first.place}, reply
    lab.lab("start", first.place)
    tap.eventually(lambda: lab.ctl("status")["regions"]["healthy"] == 2, "it comes back", 30)
    client.close()


def test_a_gateway_with_another_link_address(lab):
    """As when a standby router takes over the address."""
    done = lab.run("ip", "link", "set", "pop", "address", "02:00:00:00:00:77", node="router")
    equal(done.returncode, 0, done.stderr)
    client = lab.client()
    # Learnt addresses are asked for again after ten seconds.
    tap.eventually(lambda: status(client.invoke("there", b"x", 1000)) == "ok", "forwarded", 20)
    equal(status(client.invoke("here", b"x")), "ok")
    tap.eventually(lambda: lab.ctl("status")["regions"]["healthy"] == 2, "both are healthy")
    client.close()


def test_the_pop_comes_back(lab):
    lab.lab("kill", "pop")
    lab.lab("start", "pop")
    client = lab.client()
    # Every link address has to be asked for again.
    tap.eventually(lambda: status(client.invoke("there", b"x")) == "ok", "forwarded", 30)
    client.close()


if __name__ == "__main__":
    # Probes come seldom: what is seen of a region is what its requests were told.
    with rig.Rig(sys.argv[1], "s", settings=["family=6", "probe_period_ms=800"]) as made:
        sys.exit(tap.run(sys.modules["__main__"], made))
