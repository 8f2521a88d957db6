# The programs: sluice for people, and one executable for each source and each target, so that each links only its own
# client library. SLUICE_SOURCES and SLUICE_SINKS name the databases.

# plugins.c: the option tables and the checks of the whole product, for every program.
set(externs "")
set(tables "")
set(source_checks "")
set(sink_checks "")
set(source_titles "")
set(sink_titles "")
set(options "")
foreach(database IN LISTS SLUICE_SOURCES)
  string(APPEND externs "extern const cdc_option src_${database}_options[];\n")
  string(APPEND tables "    src_${database}_options,\n")
  string(APPEND externs "extern const cdc_check src_${database}_checks[];\n")
  string(APPEND source_checks "    src_${database}_checks,\n")
  string(APPEND source_titles "    \"source: ${database}\",\n")
  list(APPEND options src_${database}_options)
endforeach()
foreach(database IN LISTS SLUICE_SINKS)
  string(APPEND externs "extern const cdc_option sink_${database}_options[];\n")
  string(APPEND tables "    sink_${database}_options,\n")
  string(APPEND externs "extern const cdc_check sink_${database}_checks[];\n")
  string(APPEND sink_checks "    sink_${database}_checks,\n")
  string(APPEND sink_titles "    \"target: ${database}\",\n")
  list(APPEND options sink_${database}_options)
endforeach()
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/plugins.c @ONLY CONTENT
"/* Made by cmake/programs.cmake. */
#include \"core/checklist.h\"
#include \"core/task.h\"
#include \"schema/codec.h\"
#include \"topics/precheck.h\"

@externs@extern const cdc_option *const cdc_all_options[];
const cdc_option *const cdc_all_options[] = {
    cdc_task_options,
@tables@    NULL,
};

extern const cdc_check *const cdc_all_checks[];
const cdc_check *const cdc_all_checks[] = {
@source_checks@    cdc_topics_checks,
    cdc_codec_checks,
@sink_checks@    NULL,
};

extern const char *const cdc_all_check_titles[];
const char *const cdc_all_check_titles[] = {
@source_titles@    \"kafka\",
    \"schema registry\",
@sink_titles@    NULL,
};
")
add_library(cdc_plugins STATIC ${PROJECT_BINARY_DIR}/plugins.c)
target_link_libraries(cdc_plugins PUBLIC ${options} cdc_topics cdc_schema cdc_core)

# The loops, apart from the main functions: component tests link them with plug-ins of their own.
sluice_library(cdc_capture_loop DIRS producers LIBS cdc_topics cdc_schema EXCLUDE producers/main.c)
sluice_library(cdc_replay_loop DIRS consumers LIBS cdc_topics cdc_schema EXCLUDE consumers/main.c)

if(NOT CMAKE_RUNTIME_OUTPUT_DIRECTORY) # the presets set it
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endif()
function(sluice_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS;DEFINE" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBS} cdc_plugins cdc_topics cdc_schema cdc_core)
  target_compile_definitions(${name} PRIVATE ${arg_DEFINE})
  set_property(GLOBAL APPEND PROPERTY SLUICE_PROGRAMS ${name})
endfunction()

foreach(database IN LISTS SLUICE_SOURCES)
  sluice_program(sluice-capture-${database} SOURCES producers/main.c
    LIBS cdc_capture_loop src_${database} DEFINE CDC_SOURCE=src_${database})
endforeach()
foreach(database IN LISTS SLUICE_SINKS)
  sluice_program(sluice-apply-${database} SOURCES consumers/main.c
    LIBS cdc_replay_loop sink_${database} DEFINE CDC_SINK=sink_${database})
endforeach()

file(GLOB command_sources CONFIGURE_DEPENDS commands/*.c)
sluice_program(sluice SOURCES ${command_sources})

get_property(programs GLOBAL PROPERTY SLUICE_PROGRAMS)
add_custom_target(programs DEPENDS ${programs})
