#include "control/config/preflight.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <regex>

#include "control/config/access_keys.hpp"
#include "control/config/egress.hpp"
#include "control/config/preflight_kernel.hpp"
#include "control/signing/trust.hpp"
#include "sandbox/base/unique_fd.hpp"

namespace skerry::config {
namespace {

namespace fs = std::filesystem;

// All values of one key: net_pcap may be given several captures.
std::vector<std::string> options_of(const std::string& devargs, const std::string& key) {
    std::vector<std::string> values;
    std::size_t at = 0;
    while ((at = devargs.find(',', at)) != std::string::npos) {
        ++at;
        if (devargs.compare(at, key.size() + 1, key + "=") != 0) continue;
        const std::size_t start = at + key.size() + 1;
        values.push_back(devargs.substr(start, devargs.find(',', start) - start));
    }
    return values;
}

std::string option_of(const std::string& devargs, const std::string& key) {
    const auto values = options_of(devargs, key);
    return values.empty() ? std::string() : values.front();
}

Need check_pci(const std::string& what, std::string address) {
    if (address.size() == 7) address = "0000:" + address;  // "03:00.0"
    Need need{what, "PCI device " + address, "a device bound to vfio-pci",
              "dpdk-devbind.py --bind=vfio-pci " + address, Need::failed};
    const std::string folder = "/sys/bus/pci/devices/" + address;
    std::error_code error;
    if (!fs::exists(folder, error)) {
        need.found = "no PCI device " + address;
        need.mend = "the right address in devargs; `lspci -D` lists those there are";
        return need;
    }
    const std::string driver = fs::read_symlink(folder + "/driver", error).filename().string();
    need.found += driver.empty() ? ", no driver" : ", driver " + driver;
    // The Mellanox drivers are shared with the kernel: nothing to bind.
    static const std::string kFit[] = {"vfio-pci", "uio_pci_generic", "igb_uio", "mlx5_core",
                                       "mlx4_core"};
    for (const auto& fit : kFit)
        if (driver == fit) need.state = Need::ok;
    if (driver == "vfio-pci" && access("/dev/vfio/vfio", R_OK | W_OK) != 0) {
        need.found += ", /dev/vfio/vfio: " + std::string(std::strerror(errno));
        need.mend = "modprobe vfio-pci";
        need.state = Need::failed;
    }
    return need;
}

Need check_interface(const std::string& what, const std::string& interface, std::uint32_t mtu) {
    Need need{what, "interface " + interface + " is up",
              "an interface of the kernel, up, MTU " + std::to_string(mtu) + " or more", "",
              Need::ok};
    if (interface.size() >= IFNAMSIZ || if_nametoindex(interface.c_str()) == 0) {
        need.found = "no interface " + interface;
        need.mend = "the right iface= in devargs; `ip link` lists those there are";
        need.state = Need::failed;
        return need;
    }
    const std::string folder = "/sys/class/net/" + interface;
    const unsigned long flags = std::strtoul(first_line(folder + "/flags").c_str(), nullptr, 16);
    const unsigned long real_mtu = std::strtoul(first_line(folder + "/mtu").c_str(), nullptr, 10);
    if ((flags & IFF_UP) == 0) {
        need.found = "interface " + interface + " is down";
        need.mend = "ip link set " + interface + " up";
        need.state = Need::failed;
    } else if (real_mtu != 0 && real_mtu < mtu) {
        need.found += ", MTU " + std::to_string(real_mtu);
        need.mend = "ip link set " + interface + " mtu " + std::to_string(mtu);
        need.state = Need::warning;
    }
    return need;
}

// Captures that are replayed must be there; those that are written need a folder.
Need check_pcap(const std::string& what, const Port& port) {
    for (const char* key : {"iface", "rx_iface", "rx_iface_in", "tx_iface"})
        if (const auto name = option_of(port.devargs, key); !name.empty())
            return check_interface(what, name, port.mtu);
    Need need{what, "net_pcap", "captures that can be read, folders that can be written", "",
              Need::ok};
    const auto complain = [&](const std::string& path, const char* mend) {
        need.found += ", " + path + ": " + std::strerror(errno);
        need.mend += (need.mend.empty() ? "" : "; ") + (mend + path);
        need.state = Need::failed;
    };
    for (const auto& path : options_of(port.devargs, "rx_pcap")) {
        struct stat info {};
        if (access(path.c_str(), R_OK) == 0 && stat(path.c_str(), &info) == 0 &&
            !S_ISDIR(info.st_mode))
            continue;
        if (S_ISDIR(info.st_mode)) errno = EISDIR;
        complain(path, "the right rx_pcap= in devargs, or: ls -l ");
    }
    for (const auto& path : options_of(port.devargs, "tx_pcap")) {
        const std::string folder = fs::absolute(path).parent_path().string();
        if (access(folder.c_str(), W_OK | X_OK) != 0) complain(folder, "install -d ");
    }
    return need;
}

// The frames are copied between the two processes, and so need no huge pages: tools/bench measures
// it without. For zero-copy they would have to lie in one file, and the driver refuses ours.
Need check_memif(const std::string& what, const Port& port) {
    Need need{what, "net_memif, frames are copied, with huge pages or without", "", "", Need::ok};
    if (option_of(port.devargs, "zero-copy") == "yes") {
        need.found = "net_memif with zero-copy=yes";
        need.needed = "net_memif that copies frames";
        need.mend = "devargs without zero-copy=yes";
        need.state = Need::failed;
    }
    return need;
}

Need check_port(const Port& port, std::size_t index) {
    const std::string what = "port[" + std::to_string(index) + "]";
    static const std::regex pci("([0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7]");
    const std::string device = port.devargs.substr(0, port.devargs.find(','));
    if (std::regex_match(device, pci)) return check_pci(what, device);
    const std::string interface = option_of(port.devargs, "iface");
    if (device.rfind("net_pcap", 0) == 0) return check_pcap(what, port);
    if (device.rfind("net_memif", 0) == 0) return check_memif(what, port);
    if (device.rfind("net_tap", 0) == 0) {  // makes its interface itself
        Need need{what, "/dev/net/tun", "/dev/net/tun, for net_tap", "modprobe tun", Need::ok};
        if (access("/dev/net/tun", R_OK | W_OK) != 0) {
            need.found += std::string(": ") + std::strerror(errno);
            need.state = Need::failed;
        }
        return need;
    }
    if (!interface.empty()) return check_interface(what, interface, port.mtu);
    return {what, device + ", a device made in software", "nothing of this machine", "", Need::ok};
}

// The folder itself, or where it is going to be made.
Need check_state_dir(const Config& config) {
    Need need{"state_dir", config.state_dir, "a folder that can be written", "", Need::ok};
    std::error_code error;
    fs::path folder = config.state_dir;
    if (!fs::exists(folder, error)) {
        folder = folder.lexically_normal();
        if (!folder.has_filename()) folder = folder.parent_path();
        folder = folder.parent_path();
        need.found += " (will be made)";
    }
    std::string probe = (folder / ".skerry-check-XXXXXX").string();
    UniqueFd fd(mkostemp(probe.data(), O_CLOEXEC));
    if (fd) {
        unlink(probe.c_str());
        return need;
    }
    need.found += std::string(": ") + std::strerror(errno);
    need.mend = "install -d -m 0755 " + config.state_dir;
    need.state = Need::failed;
    return need;
}

Need check_tls_file(const std::string& key, const std::string& path, bool is_secret) {
    Need need{key, path, "a PEM file that can be read", "", Need::ok};
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat info {};
    if (!fd || fstat(fd.get(), &info) != 0) {
        need.found += std::string(": ") + std::strerror(errno);
        need.mend = "the right path in the configuration, or: ls -l " + path;
        need.state = Need::failed;
    } else if (!S_ISREG(info.st_mode) || info.st_size == 0) {
        need.found += ": not a file with content";
        need.mend = "a PEM file at " + path;
        need.state = Need::failed;
    } else if (is_secret && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        need.found += ", which others may read";
        need.mend = "chmod 600 " + path;
        need.state = Need::warning;
    }
    return need;
}

// Who may invoke over HTTP.
Need check_access_keys(const Config& config) {
    Need need{"access keys", "", "", "", Need::ok};
    const auto secrets = load_secrets(config.access_keys);
    if (!secrets) {
        need.found = secrets.error().text;
        need.needed = "a secret for each [[access_key]], in a file that nobody else can read";
        need.mend = "the right secret_file, or: chmod 600 FILE";
        need.state = Need::failed;
        return need;
    }
    const auto active = std::count_if(config.access_keys.begin(), config.access_keys.end(),
                                      [](const AccessKey& key) { return key.active; });
    need.found = std::to_string(config.access_keys.size()) + ", " + std::to_string(active) +
                 " of them active";
    if (!config.http.require_signature) {
        need.found = "http.require_signature = false: whoever reaches TCP port " +
                     std::to_string(config.http.port_of(config.role)) + " invokes any function";
        need.needed = "signatures, unless all who can reach it may invoke everything";
        need.mend = "[[access_key]] in the configuration, and no require_signature = false";
        need.state = Need::warning;
    } else if (active == 0) {
        need.found = "none is active: every invocation over HTTP will be refused";
        need.needed = "an [[access_key]] for each client, or http.require_signature = false";
        need.mend = "[[access_key]] in the configuration; then skerryctl key reload";
        need.state = Need::warning;
    }
    return need;
}

// Who may invoke by datagram: there are no signatures in them.
Need check_datagrams(const Config& config) {
    const auto& from = config.dataplane.invoke_from;
    Need need{"datagrams", "", "", "", Need::ok};
    if (from) {
        need.found =
            from->empty() ? "none invokes" : std::to_string(from->size()) + " networks may invoke";
        return need;
    }
    need.found = "no dataplane.invoke_from: whoever reaches UDP port " +
                 std::to_string(config.udp_port) + " invokes any function, unsigned";
    need.needed = "[], or the networks whose datagrams may invoke";
    need.mend = "invoke_from = [] in [dataplane]";
    need.state = Need::warning;
    return need;
}

// Whose signatures count.
Need check_trusted_keys(const Config& config) {
    const Artifacts& a = config.artifacts;
    Need need{"artifacts.trusted_keys", "", "", "", Need::ok};
    const auto trust = signing::Trust::load(a.trusted_keys, a.require_signature);
    if (!trust) {
        need.found = trust.error().text;
        need.needed = "an Ed25519 public key in each file, each key once";
        need.mend = "openssl pkey -in KEY -pubout -out FILE, or: skerryctl artifact keygen";
        need.state = Need::failed;
        return need;
    }
    need.found = std::to_string(a.trusted_keys.size()) + " key(s), signatures are " +
                 (a.require_signature ? "required" : "not required");
    return need;
}

// Who may manage functions, and who may listen meanwhile.
Need check_lambda_api(const Config& config) {
    const std::string& listen = config.lambda_api.listen;
    const auto managers =
        std::count_if(config.access_keys.begin(), config.access_keys.end(),
                      [](const AccessKey& key) { return key.active && key.manage; });
    Need need{"lambda_api", listen + ", " + std::to_string(managers) + " access key(s) may manage",
              "", "", Need::ok};
    if (!is_on_loopback(listen)) {
        need.found = listen +
                     " is not on loopback, and plain HTTP: who is on the way reads code "
                     "and environments";
        need.needed = "an address of loopback, unless the network is yours alone";
        need.mend = "lambda_api.listen = \"127.0.0.1:PORT\", and TLS in front of it";
        need.state = Need::warning;
    } else if (managers == 0) {
        need.found = listen + ", and no access key may manage: every call will be refused";
        need.needed = "an active [[access_key]] with manage = true";
        need.mend = "manage = true in an [[access_key]]; then skerryctl key reload";
        need.state = Need::warning;
    }
    return need;
}

}  // namespace

bool is_on_loopback(const std::string& host_port) {
    return host_port.starts_with("127.") || host_port.starts_with("[::1]:");
}

std::vector<Need> preflight(const Config& config) {
    std::vector<Need> needs;
    needs.push_back(check_root());
    needs.push_back(check_memory(config));
    for (std::size_t i = 0; i < config.ports.size(); ++i)
        needs.push_back(check_port(config.ports[i], i));
    needs.push_back(check_io_uring());
    for (auto& need : check_namespaces()) needs.push_back(std::move(need));
    needs.push_back(check_cgroups(config));
    needs.push_back(check_landlock());
    needs.push_back(check_core_scheduling(config));
    for (auto& need : check_egress(config)) needs.push_back(std::move(need));
    needs.push_back(check_open_files(config));
    needs.push_back(check_cpus(config));
    needs.push_back(check_state_dir(config));
    if (config.http.port_of(config.role) != 0) needs.push_back(check_access_keys(config));
    // Who does not ask for signatures over HTTP has been told about that.
    if (config.role == Role::pop && config.http.port_of(config.role) != 0 &&
        config.http.require_signature)
        needs.push_back(check_datagrams(config));
    if (!config.artifacts.trusted_keys.empty()) needs.push_back(check_trusted_keys(config));
    if (!config.artifacts.tls_ca.empty())
        needs.push_back(check_tls_file("artifacts.tls_ca", config.artifacts.tls_ca, false));
    if (!config.lambda_api.listen.empty()) needs.push_back(check_lambda_api(config));
    const Management& m = config.management;
    if (!m.tls_cert.empty())
        needs.push_back(check_tls_file("management.tls_cert", m.tls_cert, false));
    if (!m.tls_key.empty()) needs.push_back(check_tls_file("management.tls_key", m.tls_key, true));
    if (!m.tls_ca.empty()) needs.push_back(check_tls_file("management.tls_ca", m.tls_ca, false));
    const Store& s = config.store;
    if (!s.tls_ca.empty()) needs.push_back(check_tls_file("store.tls_ca", s.tls_ca, false));
    if (!s.tls_cert.empty()) needs.push_back(check_tls_file("store.tls_cert", s.tls_cert, false));
    if (!s.tls_key.empty()) needs.push_back(check_tls_file("store.tls_key", s.tls_key, true));
    for (auto& need : needs)
        if (need.state == Need::ok) need.mend.clear();
    return needs;
}

bool may_start(const std::vector<Need>& needs) {
    for (const auto& need : needs)
        if (need.state == Need::failed) return false;
    return true;
}

std::string render(const std::vector<Need>& needs) {
    std::string all;
    for (const auto& need : needs) {
        all += need.state == Need::ok        ? "ok       "
               : need.state == Need::warning ? "warning  "
                                             : "FAILED   ";
        all += need.what + ": " + need.found;
        if (need.state != Need::ok) all += "; needed: " + need.needed + "; mend: " + need.mend;
        all += "\n";
    }
    return all;
}

}  // namespace skerry::config
