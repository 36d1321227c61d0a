cpdef list split_plain(bytes path)
