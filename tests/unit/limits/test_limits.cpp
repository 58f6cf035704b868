// SPDX-License-Identifier: LGPL-2.1-or-later
#include "limits/limits.h"

#include "catch.h"

#include <algorithm>

using namespace scopewright;
using namespace scopewright::limits;

namespace {

Resources full() {
    Resources r;
    std::int64_t number = 5000;
    for (const Field& field : kFields)
        r.*field.member = number++;
    return r;
}

int codeOfSet(const char* key, const Value& value) {
    Resources r;
    return unit::codeOf([&] { set(r, key, value); });
}

std::string messageOfSet(const char* key, const Value& value) {
    Resources r;
    try {
        set(r, key, value);
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

using Numbers = std::vector<std::pair<std::string, std::uint64_t>>;
using Texts = std::vector<std::pair<std::string, std::string>>;

constexpr int kGood = -1;
constexpr int kInvalid = static_cast<int>(ErrorCode::InvalidArgument);

} // namespace

TEST_CASE("each field takes its own range, both ends, and nothing beyond", "[attack-61]") {
    for (const Field& field : kFields) {
        const std::string key(field.key);
        CAPTURE(key);
        CHECK(codeOfSet(key.c_str(), field.least) == kGood);
        CHECK(codeOfSet(key.c_str(), field.most) == kGood);
        CHECK(codeOfSet(key.c_str(), field.least - 1) == (field.unlimited && field.least == 0 ? kGood : kInvalid));
        if (field.most < INT64_MAX) CHECK(codeOfSet(key.c_str(), field.most + 1) == kInvalid);
        CHECK(codeOfSet(key.c_str(), std::int64_t(-1)) == (field.unlimited ? kGood : kInvalid));
        CHECK(codeOfSet(key.c_str(), UINT64_MAX) == (field.unlimited ? kGood : kInvalid));
        CHECK(codeOfSet(key.c_str(), std::int64_t(-2)) == kInvalid);
        CHECK(codeOfSet(key.c_str(), INT64_MIN) == kInvalid);
        CHECK(codeOfSet(key.c_str(), std::uint64_t(1) << 63U) == kInvalid);
        CHECK(codeOfSet(key.c_str(), UINT64_MAX - 1) == kInvalid);
    }
}

TEST_CASE("a number may come in any of D-Bus's sizes, and in no other shape", "[attack-61]") {
    for (const Value& value : {Value(std::int64_t(8192)), Value(std::uint64_t(8192)), Value(std::int32_t(8192)),
                               Value(std::uint32_t(8192))}) {
        Resources r;
        set(r, "memory.limit", value);
        CHECK(r.memoryLimit == 8192);
    }
    for (const Value& value :
         {Value(std::string("8192")), Value(true), Value(std::vector<std::uint32_t>{8192}), Value(Unreadable{"d"})})
        CHECK(codeOfSet("memory.limit", value) == kInvalid);
}

TEST_CASE("keys of the specification are known, applied or not; others are not") {
    for (const Field& field : kFields)
        CHECK(isResourceKey(field.key));
    for (const Flag& flag : kFlags)
        CHECK(isResourceKey(flag.key));
    for (const char* key : {"cpu.cpus", "unified", "blockIO.weightDevice", "devices", "hugepageLimits", "rdma"}) {
        CAPTURE(key);
        CHECK(isResourceKey(key));
    }
    CHECK(resourceKeys().size() == 32);
    CHECK(std::ranges::is_sorted(resourceKeys()));
    for (const char* key :
         {"", "memory", "memory.max", "MemoryMax", "cpu.weight", "memory.limit ", "unified.memory.high", "zzz"}) {
        CAPTURE(key);
        CHECK_FALSE(isResourceKey(key));
        Resources r;
        CHECK_CODE(set(r, key, std::int64_t(5000)), PropertyNotAllowed);
    }
}

TEST_CASE("what is set is what callers see, in the order of the keys") {
    const Properties properties = toProperties(full());
    REQUIRE(properties.size() == kFields.size());
    for (std::size_t i = 0; i < properties.size(); ++i) {
        CHECK(properties[i].name == kFields[i].key);
        CHECK(std::get<std::int64_t>(properties[i].value) == full().*kFields[i].member);
    }
    CHECK(toProperties(Resources()).empty());
}

TEST_CASE("each kind of field takes its own type, and says which") {
    struct Row {
        const char* key;
        Value good;
        const char* type;
    };
    const std::vector<Row> rows{
        {"memory.disableOOMKiller", true, "b"},
        {"cpu.cpus", std::string("0-3"), "s"},
        {"blockIO.weightDevice", Numbers{{"8:16", 500}}, "a(st)"},
        {"blockIO.throttleReadBpsDevice", Numbers{{"8:0", 1048576}}, "a(st)"},
        {"hugepageLimits", Numbers{{"2MB", 0}}, "a(st)"},
        {"network.priorities", Numbers{{"eth0", 5}}, "a(st)"},
        {"rdma", Texts{{"mlx5_0", "hca_handle=2"}}, "a(ss)"},
        {"devices", Texts{{"deny a", ""}}, "a(ss)"},
        {"unified", Texts{{"memory.high", "max"}}, "a{ss}"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.key);
        CHECK(codeOfSet(row.key, row.good) == kGood);
        for (const Value& bad : {Value(std::uint64_t(5)), Value(std::vector<std::uint8_t>{1}), Value(Unreadable{"v"})})
            CHECK(messageOfSet(row.key, bad).find(std::string("of type ") + row.type) != std::string::npos);
    }
}

TEST_CASE("what is wrong is told with the key and the value") {
    struct Row {
        const char* key;
        Value value;
        const char* told;
    };
    // clang-format off
    const std::vector<Row> rows{
        {"cpu.cpus", std::string("3-1"), "'3-1' has a range that runs backwards"},
        {"cpu.cpus", std::string("0-99999"), "goes beyond 8191"},
        {"cpu.cpus", std::string("0\n1"), "'0\\x0a1' is no list"},
        {"cpu.mems", std::string("0,,1"), "is no list"},
        {"cpu.mems", std::string("a"), "is no list"},
        {"blockIO.weightDevice", Numbers{{"8:16", 9}}, "'8:16 9' is not in 10..1000"},
        {"blockIO.weightDevice", Numbers{{"sda", 100}}, "'sda' is no device"},
        {"blockIO.throttleReadBpsDevice", Numbers{{"8:0", 1}}, "'8:0 1' is a rate that the kernel refuses"},
        {"blockIO.throttleWriteIOPSDevice", Numbers{{"4096:0", 100}}, "is beyond 4095:1048575"},
        {"blockIO.throttleWriteIOPSDevice", Numbers{{"8", 100}}, "is no device"},
        {"hugepageLimits", Numbers{{"3MB", 100}}, "'3MB' is no page size"},
        {"hugepageLimits", Numbers{{"2MiB", 100}}, "is no page size"},
        {"hugepageLimits", Numbers{{"../memory", 100}}, "is no page size"},
        {"network.priorities", Numbers{{"a b", 1}}, "is no name of a network interface"},
        {"network.priorities", Numbers{{"eth0", 1ULL << 32}}, "is not below 2^32"},
        {"rdma", Texts{{"mlx5 0", "hca_handle=2"}}, "is no name of an RDMA device"},
        {"rdma", Texts{{"mlx5_0", ""}}, "has neither"},
        {"rdma", Texts{{"mlx5_0", "hca_handle=x"}}, "neither 'max' nor below"},
        {"rdma", Texts{{"mlx5_0", "hca_handle=1 hca_handle=2"}}, "is not 'hca_handle=N'"},
        {"devices", Texts{{"allow", "rwm"}}, "is no rule"},
        {"devices", Texts{{"permit c 1:3", "rwm"}}, "is no rule"},
        {"devices", Texts{{"allow c 1", "rwm"}}, "is no rule"},
        {"devices", Texts{{"allow c 1:x", "rwm"}}, "is no rule"},
        {"devices", Texts{{"allow p 1:3", "rwm"}}, "'p' is no type"},
        {"devices", Texts{{"allow c 1:3", ""}}, "has no access"},
        {"devices", Texts{{"allow c 1:3", "rx"}}, "an access other than"},
        {"devices", Texts{{"allow a 1:3", "rwm"}}, "it takes no number"},
        {"devices", Texts{{"allow a", "r"}}, "which is every access"},
        {"cpu.burst", std::int64_t{-1}, "cpu.burst -1 is not in 0.."},
        {"cpu.idle", std::int64_t{2}, "cpu.idle 2 is not in 0..1"},
        {"blockIO.weight", std::int64_t{1001}, "blockIO.weight 1001 is not in 10..1000"},
    };
    // clang-format on
    for (const Row& row : rows) {
        CAPTURE(row.key, row.told);
        CHECK(codeOfSet(row.key, row.value) == kInvalid);
        CHECK(messageOfSet(row.key, row.value).find(row.told) != std::string::npos);
        CHECK(messageOfSet(row.key, row.value).size() <= 200);
    }
}

TEST_CASE("a page size is the kernel's own name of it") {
    Resources r;
    set(r, "hugepageLimits", Numbers{{"2048KB", 1}, {"1024MB", 2}, {"64KB", kInfinity}});
    const std::map<std::string, std::uint64_t> expected{{"2MB", 1}, {"1GB", 2}, {"64KB", kInfinity}};
    CHECK(r.hugepages == expected);
}

TEST_CASE("burst is checked against the quota") {
    Resources r;
    r.cpuBurst = 20000;
    CHECK_NOTHROW(checkTogether(r));
    r.cpuQuota = 10000;
    CHECK_CODE(checkTogether(r), InvalidArgument);
    r.cpuQuota = -1;
    CHECK_NOTHROW(checkTogether(r));
}

TEST_CASE("an update is checked against what is in use only where that was asked", "[attack-62]") {
    Resources r;
    r.memoryLimit = 8192;
    CHECK_NOTHROW(checkUsage(r, 100000));
    r.checkBeforeUpdate = true;
    CHECK_CODE(checkUsage(r, 100000), WouldKill);
    CHECK_CODE(checkUsage(r, 8192), WouldKill);
    CHECK_NOTHROW(checkUsage(r, 8191));
    r.memoryLimit = -1;
    CHECK_NOTHROW(checkUsage(r, 100000));
    r.memorySwap = 50000;
    CHECK_CODE(checkUsage(r, 100000), WouldKill);
}

TEST_CASE("swap is checked against the memory limit") {
    Resources r;
    r.memorySwap = 4096;
    CHECK_CODE(checkTogether(r), InvalidArgument);
    r.memoryLimit = 8192;
    CHECK_CODE(checkTogether(r), InvalidArgument);
    r.memorySwap = 8192;
    CHECK_NOTHROW(checkTogether(r));
}

TEST_CASE("a number of RDMA handles that the kernel cannot count is max from the start") {
    Resources r;
    set(r, "rdma", Texts{{"mlx5_0", "hca_handle=2147483646 hca_object=2147483647"}});
    CHECK(r.rdma->at("mlx5_0") == RdmaLimit{2147483646, UINT32_MAX});
    Resources again;
    for (const Property& property : toProperties(r))
        set(again, property.name, property.value);
    CHECK(again == r);
}
