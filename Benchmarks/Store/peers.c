// What the store is measured beside: SQLite, and an MQTT broker by its protocol.
//
//   peers sqlite FILE SECONDS BATCH BYTES     transactions of BATCH inserts, WAL, synchronous=FULL
//   peers mqtt PORT SECONDS CLIENTS BYTES     QoS 1 publishes, each client one after the other
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void check(int result, sqlite3 *database) {
    if (result == SQLITE_OK || result == SQLITE_DONE || result == SQLITE_ROW) return;
    fprintf(stderr, "sqlite: %s\n", sqlite3_errmsg(database));
    exit(1);
}

static void sqlite(const char *path, double seconds, int batch, int bytes) {
    sqlite3 *database;
    sqlite3_stmt *insert;
    check(sqlite3_open(path, &database), database);
    check(sqlite3_exec(database, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;", 0, 0, 0), database);
    check(sqlite3_exec(database,
        "CREATE TABLE queue (id INTEGER PRIMARY KEY, key TEXT, label INTEGER, wall INTEGER, uptime INTEGER, payload BLOB);"
        "CREATE INDEX by_key ON queue (key, id);", 0, 0, 0), database);
    check(sqlite3_prepare_v2(database, "INSERT INTO queue (key, label, wall, uptime, payload) VALUES (?, 1, ?, ?, ?)", -1, &insert, 0), database);
    char *payload = calloc(1, (size_t)bytes), key[16];
    double begun = now();
    long count = 0;
    while (now() - begun < seconds) {
        check(sqlite3_exec(database, "BEGIN IMMEDIATE", 0, 0, 0), database);
        for (int i = 0; i < batch; i++) {
            snprintf(key, sizeof key, "T%d", i);
            sqlite3_bind_text(insert, 1, key, -1, SQLITE_TRANSIENT);
            sqlite3_bind_int64(insert, 2, 1700000000000 + count);
            sqlite3_bind_int64(insert, 3, count);
            sqlite3_bind_blob(insert, 4, payload, bytes, SQLITE_STATIC);
            check(sqlite3_step(insert), database);
            sqlite3_reset(insert);
            count++;
        }
        check(sqlite3_exec(database, "COMMIT", 0, 0, 0), database);
    }
    printf("%ld appends/s in transactions of %d\n", (long)(count / (now() - begun)), batch);
}

static void all(int socket, const void *bytes, size_t count) {
    for (const char *at = bytes; count > 0;) {
        ssize_t written = write(socket, at, count);
        if (written <= 0) exit(1);
        at += written;
        count -= (size_t)written;
    }
}

static int length(uint8_t *at, size_t length) {
    int count = 0;
    do {
        at[count] = length % 128;
        length /= 128;
        if (length) at[count] |= 128;
        count++;
    } while (length);
    return count;
}

static void mqtt(int port, double seconds, int clients, int bytes) {
    struct pollfd *polls = calloc((size_t)clients, sizeof *polls);
    uint8_t packet[4096], answer[64];
    size_t size = 0;
    for (int i = 0; i < clients; i++) {
        int file = socket(AF_INET, SOCK_STREAM, 0), one = 1;
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        if (connect(file, (struct sockaddr *)&address, sizeof address) != 0) { perror("connect"); exit(1); }
        setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        uint8_t hello[] = { 0x10, 16, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 4, 'c', 0, 0, 0 };
        hello[15] = (uint8_t)('a' + i / 26); hello[16] = (uint8_t)('a' + i % 26); hello[17] = 'x';
        all(file, hello, sizeof hello);
        if (read(file, answer, sizeof answer) < 4) exit(1);
        polls[i] = (struct pollfd){ .fd = file, .events = POLLIN };
    }
    // topic "q/t", packet id 1: one is answered before the next.
    packet[0] = 0x32;
    int used = 1 + length(packet + 1, (size_t)bytes + 7);
    memcpy(packet + used, (uint8_t[]){ 0, 3, 'q', '/', 't', 0, 1 }, 7);
    size = (size_t)used + 7 + (size_t)bytes;
    double begun = now();
    long count = 0;
    for (int i = 0; i < clients; i++) all(polls[i].fd, packet, size);
    while (now() - begun < seconds) {
        if (poll(polls, (nfds_t)clients, 1000) <= 0) continue;
        for (int i = 0; i < clients; i++) {
            if (!(polls[i].revents & POLLIN)) continue;
            if (read(polls[i].fd, answer, 4) != 4) exit(1);
            count++;
            all(polls[i].fd, packet, size);
        }
    }
    printf("%ld publishes/s of QoS 1, %d clients\n", (long)(count / (now() - begun)), clients);
}

int main(int count, char **arguments) {
    if (count == 6 && !strcmp(arguments[1], "sqlite")) sqlite(arguments[2], atof(arguments[3]), atoi(arguments[4]), atoi(arguments[5]));
    else if (count == 6 && !strcmp(arguments[1], "mqtt")) mqtt(atoi(arguments[2]), atof(arguments[3]), atoi(arguments[4]), atoi(arguments[5]));
    else return 2;
    return 0;
}
