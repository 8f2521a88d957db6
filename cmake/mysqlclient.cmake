# The MySQL source once more, with Oracle's libmysqlclient in the place of MariaDB Connector/C: the program
# mysqlclient/sluice-capture-mysql beside the others, and the component tests of the source. The library comes from the
# unpacked MySQL (tests/stack/mysql-fetch.sh); it needs a newer libc than Debian 12's, so what links it starts with that
# tree's own loader and finds its libraries there first (an old-style RPATH, which holds for the libraries' own needs
# too). Without the tree nothing is built, and a line says so.
if(DEFINED ENV{SLUICE_CACHE})
  set(cache $ENV{SLUICE_CACHE})
else()
  set(cache ${PROJECT_SOURCE_DIR}/.cache)
endif()
set(SLUICE_MYSQLCLIENT_TREE ${cache}/mysql/root CACHE PATH "tree with Oracle's libmysqlclient and its headers")
set(tree ${SLUICE_MYSQLCLIENT_TREE})
file(GLOB client ${tree}/usr/lib/*/libmysqlclient.so.*[0-9])
file(GLOB loader ${tree}/usr/lib/*/ld-linux-*.so.*)
if(NOT client OR NOT loader OR NOT EXISTS ${tree}/usr/include/mysql/mysql.h)
  message(STATUS "no libmysqlclient in ${tree}: the second client backend is not built")
  return()
endif()
list(GET client 0 client)
list(GET loader 0 loader)
get_filename_component(tree_libs ${client} DIRECTORY)
message(STATUS "second client backend: ${client}")

add_library(oracle_mysqlclient INTERFACE)
target_include_directories(oracle_mysqlclient INTERFACE ${tree}/usr/include/mysql)
target_compile_options(oracle_mysqlclient INTERFACE -idirafter ${tree}/usr/include)
target_link_libraries(oracle_mysqlclient INTERFACE ${client})
target_link_options(oracle_mysqlclient INTERFACE -Wl,--allow-shlib-undefined -Wl,--dynamic-linker=${loader}
  -Wl,--disable-new-dtags -Wl,-rpath,${tree_libs})

sluice_library(src_mysql_oracle DIRS producers/mysql EXCLUDE producers/mysql/options.c
  LIBS cdc_schema oracle_mysqlclient PkgConfig::ZSTD PkgConfig::ZLIB src_mysql_options)

set(CMAKE_SKIP_BUILD_RPATH ON) # the one above is all
add_executable(sluice-capture-mysql-oracle producers/main.c)
set_target_properties(sluice-capture-mysql-oracle PROPERTIES OUTPUT_NAME sluice-capture-mysql
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/mysqlclient)
target_compile_definitions(sluice-capture-mysql-oracle PRIVATE CDC_SOURCE=src_mysql)
target_link_libraries(sluice-capture-mysql-oracle PRIVATE cdc_capture_loop src_mysql_oracle cdc_plugins)

foreach(name mysql_source mysql_events)
  add_executable(component_oracle_${name} ${PROJECT_SOURCE_DIR}/tests/component/test_${name}.c)
  target_link_libraries(component_oracle_${name} PRIVATE cdc_plugins src_mysql_oracle cdc_core ${CMOCKA})
endforeach()
set(CMAKE_SKIP_BUILD_RPATH OFF)
