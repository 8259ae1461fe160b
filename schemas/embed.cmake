# SPDX-License-Identifier: GPL-3.0-or-later
# Writes one C file that holds the text of every .avsc: const char kt_avsc_<name>[].
set(text "// Generated from the .avsc files of schemas/.\ntypedef int kt_schema_text;\n")
foreach(file ${AVSC})
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND text "extern const char kt_avsc_${name}[];\n")
  string(APPEND text "const char kt_avsc_${name}[] = {${bytes}0};\n")
endforeach()
file(WRITE ${OUT} "${text}")
