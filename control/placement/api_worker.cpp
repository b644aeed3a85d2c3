#include "control/placement/api_worker.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "dataplane/wire/message.hpp"

namespace skerry::placement {
namespace {

// Of an error's text: what a person reads in one line of a log.
constexpr std::size_t kFailureBytesMax = 400;

// Whatever the function wrote, on one line and without characters that move a terminal's cursor.
std::string printable(std::string_view text) {
    std::string clean;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        clean += byte < 0x20 || byte == 0x7f ? ' ' : c;
    }
    return clean;
}

// A client context comes on top of the largest argument.
constexpr std::uint32_t request_area(std::uint32_t area_bytes) {
    return area_bytes + wire::kContextBytesMax;
}

}  // namespace

Result<std::unique_ptr<ApiWorker>> ApiWorker::create(std::uint32_t area_bytes) {
    std::unique_ptr<ApiWorker> worker = create_standby();
    if (const Status given = worker->give_area(area_bytes); !given) return given.error();
    return worker;
}

std::unique_ptr<ApiWorker> ApiWorker::create_standby() {
    return std::unique_ptr<ApiWorker>(new ApiWorker);
}

Status ApiWorker::give_area(std::uint32_t area_bytes) {
    const std::size_t bytes =
        channel::channel_bytes(1, channel::slot_stride(request_area(area_bytes), area_bytes));
    void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) return errno_error("mmap " + std::to_string(bytes) + " bytes");
    if (base_ != nullptr) ::munmap(base_, bytes_);
    base_ = static_cast<std::byte*>(base);
    bytes_ = bytes;
    area_bytes_ = area_bytes;
    return ok();
}

ApiWorker::~ApiWorker() {
    end_.reset();
    if (base_ != nullptr) ::munmap(base_, bytes_);
}

std::byte* ApiWorker::area() const {
    return base_ + channel::kHeaderBytes + channel::kSlotControlBytes +
           channel::round_up_64(request_area(area_bytes_));
}

void ApiWorker::describe(Channel& channel) const {
    channel.base = base_;
    channel.slot_count = 1;
    channel.slot_stride = channel::slot_stride(request_area(area_bytes_), area_bytes_);
    channel.request_area_bytes = request_area(area_bytes_);
    channel.response_area_bytes = area_bytes_;
    for (int& fd : channel.done_fd) fd = -1;
}

void ApiWorker::listen(UniqueFd listener, std::string function_arn, Channel& channel) {
    deaf_ = !listener;
    if (deaf_) return;
    end_ =
        std::make_unique<ApiEnd>(std::move(listener), std::move(function_arn), area(), area_bytes_);
    channel.api = end_.get();
}

void ApiWorker::listen(UniqueFd listener) {
    end_ = std::make_unique<ApiEnd>(std::move(listener));
}

void ApiWorker::assign(std::string environment, std::string function_arn, Channel& channel) {
    if (!stands_by()) return;
    assignment_ = std::move(environment);
    end_->function_arn = std::move(function_arn);
    end_->peer.assign(area(), area_bytes_, end_->function_arn, assignment_);
    channel.api = end_.get();
}

ApiWorker::Progress ApiWorker::step() {
    if (deaf_) return Progress::failed;
    if (!end_) return Progress::initialising;
    const std::uint8_t news = runtime_api::pump(end_->peer, end_->listener.get(), &deaf_);
    if ((news & runtime_api::kAsked) != 0) {
        end_->asked = true;
        return Progress::ready;
    }
    // Waiting for a descriptor to be free would keep this thread busy: another start comes later.
    return deaf_ || (news & runtime_api::kAnswered) != 0 ? Progress::failed
                                                         : Progress::initialising;
}

std::string ApiWorker::failure() const {
    if (deaf_) return "skerryd has too many files open (LimitNOFILE) to hear it";
    const runtime_api::Peer& peer = end_->peer;
    const std::string_view text(reinterpret_cast<const char*>(area()),
                                std::min<std::size_t>(peer.answer_bytes(), kFailureBytesMax));
    return "its initialisation failed: " + std::string(peer.error_type()) + ": " + printable(text);
}

void ApiWorker::add_descriptors(std::vector<pollfd>& to) const {
    if (end_ && !deaf_) runtime_api::add_descriptors(end_->peer, end_->listener.get(), to);
}

}  // namespace skerry::placement
