/*
 * A PKCS#11 module in front of SoftHSM's that fails when it is told to.
 *
 * FOLDER (set by the compiler's command line) is the folder of one test:
 *   softhsm2.conf  SoftHSM's configuration
 *   calls          the name of each call that is watched here, one a line
 *   faults         what fails: "C_Sign=30" (a code, in hex), "C_Sign=30*2" (twice, then no more),
 *                  "C_Sign=flip" (a bit of the answer is wrong), "C_Sign=hang" (no answer while
 *                  the line is there)
 *
 * Nothing here is part of the product.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"
#define FUNCTIONS 68

typedef unsigned long number;
typedef number (*any)(void *, void *, void *, void *, void *, void *, void *, void *);

struct list {
    unsigned char version[8];
    any function[FUNCTIONS];
};

enum watched { OPEN_SESSION = 12, LOGIN = 18, CREATE_OBJECT = 20, DESTROY_OBJECT = 22,
               FIND_OBJECTS_INIT = 26, SIGN_INIT = 42, SIGN = 43, GENERATE_KEY_PAIR = 59, WRAP_KEY = 60,
               GET_TOKEN_INFO = 6 };

static struct list ours, *theirs;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static void put_back(const char *name, number code, int times)
{
    FILE *file = fopen(FOLDER "/faults", "w");
    if (file == NULL)
        return;
    if (times > 0)
        fprintf(file, "%s=%lx*%d\n", name, code, times);
    fclose(file);
}

/* The code to answer with; 0: go on, 1: go on and spoil the answer, ~0: do not answer now. */
static number wanted(const char *name)
{
    char line[128];
    number code = 0;
    FILE *file = fopen(FOLDER "/faults", "r");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL) {
        char *value = strchr(line, '=');
        if (value == NULL || strlen(name) != (size_t)(value - line)
            || strncmp(line, name, value - line) != 0)
            continue;
        if (strncmp(value, "=flip", 5) == 0) {
            code = 1;
        } else if (strncmp(value, "=hang", 5) == 0) {
            code = ~0UL;
        } else {
            char *times = strchr(value, '*');
            code = strtoul(value + 1, NULL, 16);
            if (times != NULL)
                put_back(name, code, atoi(times + 1) - 1);
        }
    }
    fclose(file);
    return code;
}

static number judged(const char *name)
{
    number code;
    pthread_mutex_lock(&one_at_a_time);
    FILE *calls = fopen(FOLDER "/calls", "a");
    if (calls != NULL) {
        fprintf(calls, "%s\n", name);
        fclose(calls);
    }
    code = wanted(name);
    pthread_mutex_unlock(&one_at_a_time);
    while (code == ~0UL) {
        usleep(10000);
        pthread_mutex_lock(&one_at_a_time);
        code = wanted(name);
        pthread_mutex_unlock(&one_at_a_time);
    }
    return code;
}

#define WATCHED(NAME, index)                                                                  \
    static number NAME(void *a, void *b, void *c, void *d, void *e, void *f, void *g,        \
                           void *h)                                                           \
    {                                                                                         \
        number code = judged(#NAME);                                                          \
        return code > 1 ? code : theirs->function[index](a, b, c, d, e, f, g, h);             \
    }

WATCHED(C_OpenSession, OPEN_SESSION)
WATCHED(C_Login, LOGIN)
WATCHED(C_CreateObject, CREATE_OBJECT)
WATCHED(C_DestroyObject, DESTROY_OBJECT)
WATCHED(C_FindObjectsInit, FIND_OBJECTS_INIT)
WATCHED(C_SignInit, SIGN_INIT)
WATCHED(C_GenerateKeyPair, GENERATE_KEY_PAIR)

static number C_Sign(void *a, void *b, void *c, void *d, void *e, void *f, void *g, void *h)
{
    number code = judged("C_Sign");
    number answer = code > 1 ? code : theirs->function[SIGN](a, b, c, d, e, f, g, h);
    if (code == 1 && answer == 0 && d != NULL)
        ((unsigned char *)d)[10] ^= 1;
    return answer;
}

static number C_WrapKey(void *a, void *b, void *c, void *d, void *e, void *f, void *g, void *h)
{
    number code = judged("C_WrapKey");
    number answer = code > 1 ? code : theirs->function[WRAP_KEY](a, b, c, d, e, f, g, h);
    if (code == 1 && answer == 0 && e != NULL)
        ((unsigned char *)e)[10] ^= 1;
    return answer;
}

/* Its flags are the number after three texts of 32, 32 and 16 characters and one of 16. */
static number C_GetTokenInfo(void *a, void *b, void *c, void *d, void *e, void *f, void *g, void *h)
{
    number code = judged("C_GetTokenInfo");
    number answer = theirs->function[GET_TOKEN_INFO](a, b, c, d, e, f, g, h);
    if (code > 1 && code < 0x80000000UL)
        ((number *)((char *)b + 96))[0] |= code;
    return code >= 0x80000000UL ? code - 0x80000000UL : answer;
}

number C_GetFunctionList(struct list **list)
{
    setenv("SOFTHSM2_CONF", FOLDER "/softhsm2.conf", 1);
    void *library = dlopen(SOFTHSM, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return 5;
    number (*real)(struct list **) = (number (*)(struct list **))dlsym(library, "C_GetFunctionList");
    if (real == NULL || real(&theirs) != 0)
        return 5;
    ours = *theirs;
    ours.function[3] = (any)C_GetFunctionList;
    ours.function[OPEN_SESSION] = C_OpenSession;
    ours.function[LOGIN] = C_Login;
    ours.function[CREATE_OBJECT] = C_CreateObject;
    ours.function[DESTROY_OBJECT] = C_DestroyObject;
    ours.function[FIND_OBJECTS_INIT] = C_FindObjectsInit;
    ours.function[SIGN_INIT] = C_SignInit;
    ours.function[SIGN] = C_Sign;
    ours.function[GENERATE_KEY_PAIR] = C_GenerateKeyPair;
    ours.function[WRAP_KEY] = C_WrapKey;
    ours.function[GET_TOKEN_INFO] = C_GetTokenInfo;
    *list = &ours;
    return 0;
}
