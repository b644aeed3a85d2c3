#include "tests/control/controller/rig.hpp"

#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/control/catalog/archive_builder.hpp"

namespace {

int sync(long call, int fd) {
    const int ms = skerry::control::fsync_ms.load();
    if (ms != 0) std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    return static_cast<int>(syscall(call, fd));
}

}  // namespace

// Instead of libc's, for the whole test: SQLite calls the second one.
extern "C" int fsync(int fd) {
    return sync(SYS_fsync, fd);
}
extern "C" int fdatasync(int fd) {
    return sync(SYS_fdatasync, fd);
}

namespace skerry::control {

std::atomic<int> fsync_ms = 0;

std::string echo_archive(const std::string& salt) {
    static const std::string bootstrap = [] {
        SKERRY_CHECK(std::getenv("SKERRY_TEST_BOOTSTRAP") != nullptr);
        std::ostringstream bytes;
        bytes << std::ifstream(std::getenv("SKERRY_TEST_BOOTSTRAP")).rdbuf();
        return bytes.str();
    }();
    catalog::ArchiveBuilder builder(catalog::Format::tar);
    return builder.file("bootstrap", bootstrap, 0755).file("salt", salt).done();
}

std::string broken_archive(const std::string& salt) {
    catalog::ArchiveBuilder builder(catalog::Format::tar);
    return builder.file("bootstrap", "#!/nonexistent " + salt, 0755).done();
}

void ControllerTest::SetUp() {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_NE(mkdtemp(folder_), nullptr);
    ASSERT_EQ(chmod(folder_, 0755), 0) << "workers are other users";
    // The warden is forked from a process with one thread.
    auto started = warden::Client::start({.artifacts_dir = state() + "/artifacts"});
    ASSERT_TRUE(started) << started.error().text;
    warden_ = std::make_unique<warden::Client>(std::move(*started));
    config_.role = config::Role::pop;
    config_.name = "pop";
    config_.state_dir = state();
    config_.workers.first_uid = 0x40000000u + static_cast<std::uint32_t>(getpid()) * 64;
    const admin::Tls tls = fleet_.tls("pop");
    config_.management.tls_cert = tls.cert;
    config_.management.tls_key = tls.key;
    config_.management.tls_ca = tls.ca;
    ASSERT_EQ(mkdir(state().c_str(), 0755), 0);
    ASSERT_EQ(mkdir((state() + "/logs").c_str(), 0755), 0);
}

void ControllerTest::TearDown() {
    fsync_ms = 0;
    close();
    warden_.reset();
    regions_.clear();
    for (void* memory : memory_) std::free(memory);
    std::filesystem::remove_all(folder_);
}

void ControllerTest::add_region(const std::string& name) {
    regions_.push_back(std::make_unique<PlayedRegion>(fleet_));
    config::Region region;
    region.name = name;
    region.address =
        *net::IpAddress::parse("10.0.0." + std::to_string(100 + config_.regions.size()));
    region.management = regions_.back()->address();
    config_.regions.push_back(region);
}

rte_ring* ControllerTest::ring(std::size_t element) {
    const ssize_t bytes = rte_ring_get_memsize_elem(static_cast<unsigned>(element), kProbeRingSize);
    void* memory = std::aligned_alloc(64, (static_cast<std::size_t>(bytes) + 63) / 64 * 64);
    memory_.push_back(memory);
    auto* made = static_cast<rte_ring*>(memory);
    SKERRY_CHECK(rte_ring_init(made, "test", kProbeRingSize, 0) == 0);
    return made;
}

void ControllerTest::make_shared() {
    shared_ = std::make_unique<Shared>();
    shared_->server.boot_id = 1;
    shared_->server.tsc_hz = 1'000'000'000;
    control_fd_ = UniqueFd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    shared_->server.control_fd = control_fd_.get();
    shared_->counters[0] = std::make_unique<CoreCounters>();
    shared_->probe_commands[0] = ring(sizeof(ProbeCommand));
    shared_->probe_results[0] = ring(sizeof(ProbeResult));
    const std::size_t bytes = rte_rcu_qsbr_get_memsize(1);
    void* qsbr = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
    memory_.push_back(qsbr);
    shared_->qsbr = static_cast<rte_rcu_qsbr*>(qsbr);
    SKERRY_CHECK(rte_rcu_qsbr_init(shared_->qsbr, 1) == 0);
    SKERRY_CHECK(rte_rcu_qsbr_thread_register(shared_->qsbr, 0) == 0);
    if (!doorbells_.fd) doorbells_ = channel::create_doorbells().value();
    shared_->doorbells = doorbells_.lines;
}

void ControllerTest::open() {
    make_shared();
    auto catalog = catalog::Catalog::open(state());
    ASSERT_TRUE(catalog) << catalog.error().text;
    auto artifacts = catalog::ArtifactStore::open(state());
    ASSERT_TRUE(artifacts) << artifacts.error().text;
    std::vector<RegionInfo> infos(config_.regions.size());
    controller_ =
        std::make_unique<Controller>(config_, *shared_, *warden_, doorbells_, std::move(*catalog),
                                     std::move(*artifacts), std::move(infos));
    const Status prepared = controller_->prepare();
    ASSERT_TRUE(prepared) << prepared.error().text;
    const Status started = controller_->start();
    ASSERT_TRUE(started) << started.error().text;
    end_ = false;
    stepper_ = std::thread([this] {
        while (!end_) {
            (void)controller_->step();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    });
}

void ControllerTest::close() {
    if (controller_) controller_->stop();
    end_ = true;
    if (stepper_.joinable()) stepper_.join();
    controller_.reset();
    shared_.reset();
}

void ControllerTest::fill(const std::vector<catalog::Function>& functions) {
    auto catalog = catalog::Catalog::open(state());
    ASSERT_TRUE(catalog) << catalog.error().text;
    catalog::Draft draft = catalog->draft();
    std::filesystem::create_directory(state() + "/artifacts");
    for (const catalog::Function& function : functions) {
        ASSERT_TRUE(draft.put(function));
        for (const std::string& digest : function.versions) {
            std::filesystem::create_directory(artifact(digest));
            std::ofstream(artifact(digest) + "/bootstrap") << "x";
            std::ofstream(artifact(digest) + ".blob") << "x";
        }
    }
    ASSERT_TRUE(catalog->write(draft));
}

admin::DeployRequest ControllerTest::request(const std::string& name) {
    admin::DeployRequest made;
    made.name = name;
    return made;
}

admin::ApiResult<admin::DeployOutcome> ControllerTest::deploy(const std::string& name,
                                                              const std::string& archive) {
    return controller_->deploy(request(name), archive);
}

std::uint32_t ControllerTest::entry(const std::string& name, const std::string& digest) {
    // As a core reads it: the control thread frees what is replaced.
    rte_rcu_qsbr_thread_online(shared_->qsbr, 0);
    const Target* target = shared_->snapshot.load()->find(
        catalog::function_key(name), digest.empty() ? 0 : catalog::version_key(digest));
    const std::uint32_t found = target == nullptr ? kNoEntry : target->entry;
    rte_rcu_qsbr_thread_offline(shared_->qsbr, 0);
    return found;
}

std::vector<std::string> ControllerTest::held_by(const std::string& name) {
    const auto view = controller_->function(name);
    return view.ok ? view.value.versions.back().held_by : std::vector<std::string>();
}

void ControllerTest::break_catalog() {
    const std::string file = state() + "/catalog.db";
    std::filesystem::rename(file, file + ".away");
    std::filesystem::create_directory(file);  // what is open is not there
}

void ControllerTest::mend_catalog() {
    const std::string file = state() + "/catalog.db";
    std::filesystem::remove(file);
    std::filesystem::rename(file + ".away", file);
}

}  // namespace skerry::control
